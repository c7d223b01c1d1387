# Tidegate. `make help` says what there is; `make V=1` shows the commands.
# Sources are found by name (src/FOLDER/FILE.c, and one folder deeper): a new file needs no change here.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
CLANG ?= clang
CLANG_FORMAT ?= $(shell command -v clang-format-14 || echo clang-format)
CLANG_TIDY ?= $(shell command -v clang-tidy-14 || echo clang-tidy)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 60

LIBS = openssl libcrypt libfyaml jansson libnghttp2 libseccomp libcares libpcre2-8 zlib libbrotlienc libzstd
LIB_CFLAGS := $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
LIB_LINK := $(shell pkg-config --libs $(LIBS) 2>/dev/null)
# WERROR=-Werror is for CI and `make clang`: a compiler newer than ours must not stop a user's build.
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion $(WERROR)
COMMON = -std=c11 -D_GNU_SOURCE -Isrc $(WARNINGS) -g -pthread $(LIB_CFLAGS)
# What this compiler has of them: older ones, and other processors', lack some.
has = $(if $(shell $(CC) -Werror $(1) -E -x c /dev/null >/dev/null 2>&1 && echo yes),$(1))
HARDEN := -O2 -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
    $(call has,-fstack-clash-protection) $(call has,-fcf-protection)
SANITIZE = -O1 -fno-omit-frame-pointer -fno-sanitize-recover=undefined
# What is only tested is linked two hundred times: by the quicker linker, where there is one.
QUICK_LINK := $(shell echo 'int main(void) { return 0; }' | $(CC) -fuse-ld=lld -x c -o /dev/null - 2>/dev/null && echo -fuse-ld=lld)

SRC := $(wildcard src/*/*.c src/*/*/*.c)
UNIT := $(wildcard tests/unit/test_*.c)
TEST_HELP := $(filter-out $(UNIT),$(wildcard tests/unit/*.c)) $(wildcard tests/harness/*.c)
FUZZ := $(wildcard tests/fuzz/fuzz_*.c)
FORMATTED := $(SRC) $(wildcard src/*/*.h src/*/*/*.h tests/*/*.[ch] bench/*.c)

# ---------------------------------------------------------------- building
# A variant is the same tree compiled in another way, in build/VARIANT/.
# Arguments: its name, the compiler, flags of both steps, flags of the link alone.
, := ,
Q = $(if $(V),,@)
matching = $(if $(TEST),$(foreach f,$(1),$(if $(findstring $(TEST),$(notdir $(f))),$(f))),$(1))
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

define variant
$(1)_lib := $$(patsubst %.c,build/$(1)/%.o,$$(filter-out src/cli/main.c,$$(SRC)))
$(1)_unit := $$(UNIT:%.c=build/$(1)/%)
$(1)_fuzz := $$(FUZZ:%.c=build/$(1)/%)
$(1)_link = $(2) $(3) $$(CFLAGS) $(4) $$(LDFLAGS) -pthread -o $$@ $$^ $$(LIB_LINK)

build/$(1)/%.o: %.c Makefile | toolchain
	@mkdir -p $$(@D)
	$$(call say,$(1),$$<)
	$$(Q)$(2) $$(COMMON) $(3) $$(CPPFLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<
build/$(1)/tests/%.o: COMMON += -Itests
build/$(1)/tidegate: build/$(1)/src/cli/main.o $$($(1)_lib)
	$$(call say,$(1),$$@)
	$$(Q)$$($(1)_link)
# A test is linked with what it uses alone; a thin archive names the objects where they are.
build/$(1)/libtidegate.a: $$($(1)_lib)
	$$(Q)rm -f $$@ && $$(AR) rcsT $$@ $$^
build/$(1)/libtests.a: $$(TEST_HELP:%.c=build/$(1)/%.o)
	$$(Q)rm -f $$@ && $$(AR) rcsT $$@ $$^
$$($(1)_unit): %: %.o build/$(1)/libtests.a build/$(1)/libtidegate.a
	$$(call say,$(1),$$@)
	$$(Q)$$($(1)_link) -lcmocka
$$($(1)_fuzz): %: %.o $(if $(filter fuzz,$(1)),,build/$(1)/tests/fuzz/replay_main.o) build/$(1)/libtests.a build/$(1)/libtidegate.a
	$$(call say,$(1),$$@)
	$$(Q)$$($(1)_link)
endef

all: build/tidegate ## build/tidegate: optimised, hardened (the default)

$(eval $(call variant,release,$(CC),$(HARDEN),-pie -Wl$(,)-z$(,)relro$(,)-z$(,)now))
$(eval $(call variant,asan,$(CC),$(SANITIZE) -fsanitize=address$(,)undefined,$(QUICK_LINK)))
$(eval $(call variant,tsan,$(CC),$(SANITIZE) -fsanitize=thread,$(QUICK_LINK)))
# For its warnings: nothing of it is run.
$(eval $(call variant,clang,$(CLANG),-Werror -O0,$(QUICK_LINK)))
$(eval $(call variant,fuzz,$(CLANG),$(SANITIZE) -fsanitize=fuzzer-no-link$(,)address$(,)undefined,-fsanitize=fuzzer))

build/tidegate: build/release/tidegate
	$(Q)cp $< $@.new && mv -f $@.new $@

asan: build/asan/tidegate ## build/asan/tidegate, with AddressSanitizer and UBSan
clang: build/clang/tidegate $(clang_unit) ## compile everything with clang, warnings as errors
tsan: build/tsan/tidegate $(tsan_unit) ## the unit tests under ThreadSanitizer
	@tests/run --variant tsan unit

toolchain: # says what is missing before a compiler does it less kindly
	@pkg-config --exists $(LIBS) 2>/dev/null && command -v $(firstword $(CC)) >/dev/null || tools/deps --check build

-include $(wildcard build/*/src/*/*.d build/*/src/*/*/*.d build/*/tests/*/*.d build/*/bench/*.d)

# ---------------------------------------------------------------- trying and testing
demo: ## install what is missing, build, and run the tour (ARGS=--once: end after it)
	@tools/deps build demo
	@$(MAKE) --no-print-directory -j$(JOBS) build/tidegate
	build/tidegate demo $(ARGS)

deps: ## install the Debian packages for building, testing, linting and benchmarks
	@tools/deps build demo test fuzz lint bench

test: ## install what is missing, build, and run every test
	@tools/deps build test
	@$(MAKE) --no-print-directory -j$(JOBS) test-programs || { echo '0 passed, 1 failed'; exit 1; }
	@tests/run

ci: ## what CI runs: every test, `make lint`, and everything compiled with clang
	@tools/deps build test lint
	@$(MAKE) --no-print-directory -j$(JOBS) test-programs || { echo '0 passed, 1 failed'; exit 1; }
	@tests/run lint unit fuzz checks system races

test-programs: build/tidegate build/asan/tidegate build/tsan/tidegate $(asan_unit) $(asan_fuzz)

unit: $(call matching,$(asan_unit)) ## unit tests (TEST=pattern: only those whose name has it)
	@tests/run --match '$(TEST)' unit
fuzz-replay: $(call matching,$(asan_fuzz)) ## the fuzz targets on their saved corpora (TEST=pattern)
	@tests/run --match '$(TEST)' fuzz
system: build/tidegate build/asan/tidegate ## system tests (TEST=pattern: as pytest's -k)
	@tests/run --match '$(TEST)' system
races: build/tidegate build/tsan/tidegate ## the system tests that race, under ThreadSanitizer
	@tests/run --match '$(TEST)' races
checks: build/tidegate ## layers, file sizes, documents
	@tests/run checks

fuzz: $(call matching,$(fuzz_fuzz)) ## libFuzzer on copies of the corpora, FUZZ_SECONDS=60 each (TEST=pattern)
	@tools/fuzz $(FUZZ_SECONDS) $^

soak: build/tidegate ## a thousand reloads under load (RELOADS=1000)
	@TIDEGATE_RELOADS=$(or $(RELOADS),1000) TIDEGATE_BIN=build/tidegate TIDEGATE_RELEASE_BIN=build/tidegate \
	    /usr/bin/python3 -m pytest -p no:cacheprovider -q -s tests/system/test_reload_load.py

apps: build/tidegate ## applications and suites that take their time: http.dev's cache-tests, socket.io, Jupyter
	@tools/deps build test apps
	@mkdir -p build/apps && cp tests/apps/package.json build/apps
	@cd build/apps && npm install --no-audit --no-fund --silent
	@TIDEGATE_APPS=$(CURDIR)/build/apps/node_modules TIDEGATE_BIN=build/tidegate TIDEGATE_RELEASE_BIN=build/tidegate \
	    /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/system/test_apps.py tests/system/test_applications.py

bench: ## CPU time beside nginx and haproxy (BENCH_ROUNDS=3 CASES=plain,tls)
	@tools/deps build bench
	@$(MAKE) --no-print-directory -j$(JOBS) build/tidegate build/bench-load
	@bench/run --rounds $(or $(BENCH_ROUNDS),3) $(if $(CASES),--cases $(CASES))

instructions: build/tidegate ## its own instructions a request (CASES=plain,h2 COMPARE=another/tidegate)
	@tools/deps build bench
	@bench/instructions $(if $(CASES),--cases $(CASES)) $(if $(COMPARE),--compare $(COMPARE))

bench-reload: build/tidegate ## a reload with 10,000 sites and 50,000 certificates (SITES=1000 CERTIFICATES=5000)
	@tools/deps build bench
	@bench/reload --sites $(or $(SITES),10000) --certificates $(or $(CERTIFICATES),50000)

bench-balance: build/bench-balance ## strategies of balancing, simulated: the tables of docs/balancing.md
	@build/bench-balance $(SERVERS) $(REQUESTS)

bench-timing: build/tidegate ## whether the time of a refusal tells what was wrong, by statistics
	@bench/timing

bench-rates: build/bench-rates ## what counting a request costs
	@build/bench-rates

bench-overload: build/tidegate build/bench-load ## what others notice of floods, wrong logins and twice the load (CASES=twice)
	@bench/overload $(if $(CASES),--cases $(CASES))

build/release/bench/balance.o: COMMON += -Itests
build/bench-balance: build/release/bench/balance.o build/release/tests/harness/balance_sim.o build/release/libtidegate.a
build/bench-rates: build/release/bench/rates.o build/release/libtidegate.a
build/bench-balance build/bench-rates:
	$(Q)$(CC) -pie $(LDFLAGS) -pthread -o $@ $^ $(LIB_LINK)
build/bench-load: build/release/bench/load.o
	$(Q)$(CC) -pie -o $@ $^ $(LIB_LINK)

# ---------------------------------------------------------------- linting
# Without clang's analyzer, which takes seconds for each file: `make analyze` has that.
lint: compdb ## layout, static analysis, layers
	@tools/deps build test lint
	$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)
	tools/layers
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr -j$(JOBS) \
	    --suppressions-list=tools/cppcheck.txt -D_GNU_SOURCE -Isrc src
	printf '%s\n' $(SRC) | xargs -n16 -P$(JOBS) $(CLANG_TIDY) --quiet --warnings-as-errors='*' --checks='-clang-analyzer-*' 2>/dev/null

analyze: compdb ## clang's static analyzer, half an hour of a core (TEST=pattern: only files whose name has it)
	@tools/deps build test lint
	printf '%s\n' $(call matching,$(SRC)) | xargs -n4 -P$(JOBS) $(CLANG_TIDY) --quiet --warnings-as-errors='*' 2>/dev/null

format: ## lay the C files out with clang-format
	$(CLANG_FORMAT) -i $(FORMATTED)

compdb: compile_commands.json ## compile_commands.json for editors and clang-tidy
compile_commands.json: Makefile $(SRC) $(UNIT) $(FUZZ) $(TEST_HELP)
	@tools/compdb '$(CC) $(COMMON) -Itests' $(filter %.c,$^) > $@

# ---------------------------------------------------------------- installing
INSTALL = install -D
MAN := $(wildcard dist/*.[158])

install: build/tidegate ## into $(DESTDIR)$(PREFIX), and $(SYSCONFDIR)/tidegate
	$(INSTALL) -m 755 build/tidegate $(DESTDIR)$(PREFIX)/bin/tidegate
	$(foreach m,$(MAN),$(INSTALL) -m 644 $(m) $(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m));)
	$(INSTALL) -m 644 dist/tidegate.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/tidegate.conf
	$(INSTALL) -m 644 dist/tidegate.service $(DESTDIR)$(UNITDIR)/tidegate.service
	sed -i 's|@BINDIR@|$(PREFIX)/bin|; s|@SYSCONFDIR@|$(SYSCONFDIR)|' $(DESTDIR)$(UNITDIR)/tidegate.service
	test -e $(DESTDIR)$(SYSCONFDIR)/tidegate/tidegate.yaml || \
	    $(INSTALL) -m 644 dist/tidegate.yaml $(DESTDIR)$(SYSCONFDIR)/tidegate/tidegate.yaml

uninstall: ## the reverse, but for the configuration
	rm -f $(DESTDIR)$(PREFIX)/bin/tidegate $(DESTDIR)$(UNITDIR)/tidegate.service \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d/tidegate.conf \
	    $(foreach m,$(MAN),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))

clean: ## remove what was built
	rm -rf build compile_commands.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: all asan clang tsan toolchain demo deps test ci test-programs unit fuzz-replay system races checks fuzz soak apps bench bench-reload bench-balance bench-rates bench-overload bench-timing \
    instructions lint analyze format compdb install uninstall clean help
.DELETE_ON_ERROR:
.SECONDARY:
