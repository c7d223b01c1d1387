/* Every message: where it points, what it says and how it says to mend it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config_messages.h"

static const struct message_case errors[] = {
    /* The file as a whole, and YAML. */
    {"", 1, 1, "the file is empty", "sites:"},
    {"# nothing\n", 1, 1, "the file is empty", "hosts: [shop.example.com]"},
    {"hello\n", 1, 1, "not a section of keys", "sites:"},
    {"- a\n", 1, 1, "not a section of keys", "sites:"},
    {"workers: 1\n", 1, 1, "the file has no 'sites'", "add for example sites:"},
    {"sites: [\n", 1, 8, "not valid YAML: this '[' is not closed", "close the list with ']'"},
    {"sites: {a: 1\n", 1, 8, "not valid YAML", "the section with '}'"},
    {"sites:\n  - hosts: [a]\n   backend: b\n", 3, 4, "not valid YAML", NULL},
    {"sites:\n\t- hosts: a\n", 2, 1, "not valid YAML: tab character", "indent with spaces"},
    {"a: \"x\n", 1, 5, "not valid YAML: double-quoted scalar without closing quote",
     "close the quotation mark"},
    {"a: b: c\n", 1, 5, "not valid YAML", "on a line of its own"},
    {"a: @x\n", 1, 4, "plain scalar cannot start with '@'", "put the value in quotes"},
    {"sites:\n  - hosts: [*]\n", 2, 14, "not valid YAML: invalid alias", "in quotes, \"*\""},
    {"sites:\n  - hosts: *.example.com\n", 2, 12, "means a YAML alias", "\"*.example.com\""},
    {"sites: &x []\n", 1, 8, "anchors ('&name') are not used", "write the values out"},
    {"sites:\n  - hosts:[a]\n    backend: b\n", 2, 10, "no blank behind the ':'",
     "write   - hosts: [a]"},
    {"sites:\n  - hosts: [a]\n    backend:b\n", 3, 12, "no blank behind the ':'", "backend: b"},
    {"sites:\n  - hosts: [a, b\n    backend: b\n", 2, 12, "this '[' is not closed",
     "close the list with ']':   - hosts: [a, b]"},
    {"sites:\n  - hosts: [a]\n    tls: { certificate: a, key: b\n    backend: b\n", 3, 10,
     "this '{' is not closed", "key: b}"},
    {"sites:\n  - hosts: [\"a]\n    backend: b\n", 2, 13, "quoted", "close the quotation mark"},
    {HOST
     "    tls: { certificate: a, key: b }\n    backend: 127.0.0.1:1\n    hsts: { max_age: 1y }\n",
     5, 22, "'max_age' needs a time, not '1y'", NULL},
    {SITE "    compress: { encodings: [gzip, deflate] }\n", 4, 35,
     "no such content coding: 'deflate'", "zstd, br (Brotli) and gzip"},
    {SITE "    compress: maybe\n", 4, 15, "maybe", NULL},
    {SITE "    compress: { types: [text] }\n", 4, 25, "'text' is no media type", "\"text/*\""},
    {SITE "    compress: { level: 9 }\n", 4, 24, "9", "fast"},
    {HOST "    files: { root: w, cache_control: { \"{name}\": x } }\n", 3, 40,
     "'{name}' is no pattern of file names", "*.{hash}.js"},
    {HOST "    files: { root: w, types: { .md: text/markdown } }\n", 3, 32,
     "'.md' is no ending of a file's name", "behind the last dot"},
    {HOST "    files: { root: w, types: { md: markdown } }\n", 3, 32, "'markdown' is no media type",
     "text/markdown"},
    {HOST "    files: { root: w, charset: \"utf 8\" }\n", 3, 32, "'utf 8' is no charset", "utf-8"},
    {HOST "    files: { root: w, index: [a, b/c] }\n", 3, 34, "'b/c' is not a plain file name",
     NULL},
    {SITE "log: { file: a.log }\n", 4, 8, "unknown key 'file' in log", "'access'"},
    {SITE "timeouts: { request_body: 60s }\n", 4, 13, "unknown key 'request_body' in timeouts",
     "'body_total'"},
    {HOST "    respond: { status: 301, headers: {} }\n", 3, 29, "unknown key 'headers' in respond",
     "are 'fields'"},
    {HOST "    tls: { certificate: c, key: k, clients: { verify: required, ca: ca } }\n"
          "    routes:\n      - match: { client: { subject: [\"*\"] } }\n        respond: {}\n",
     5, 37, "'*' is no distinguished name", "issuer: [\"CN=Partners CA\"]"},
    {SITE "    cache: yes\n", 4, 12, "'yes'", "on"},
    {SITE "    proxy_cache: x\n", 4, 5, "unknown key 'proxy_cache' in a site", "'cache: on'"},
    {SITE "    Proxy-Pass: x\n", 4, 5, "unknown key 'Proxy-Pass'", "backend: 127.0.0.1:8080"},
    {SITE "    <<: x\n", 4, 5, "unknown key '<<'", "anchors and merges"},
    {HOST "    backend: https://10.0.0.1/\n", 3, 14, "'https://10.0.0.1/' is a URL, not an address",
     "backend: { servers: [\"10.0.0.1:443\"], tls: {} }"},
    {HOST "    backend: http://[::1]/x\n", 3, 14, "is a URL", "\"[::1]:80\""},
    {HOST "    backend: http://app:8080\n", 3, 14, "is a URL", "\"app:8080\""},
    {SITE "listeners: [{ bind: 'https://0.0.0.0:443' }]\n", 4, 21, "is a URL", "\":443\""},
    {ROUTE "        match: { regex: \"^/a(b\" }\n", 5, 25,
     "'^/a(b' is no regular expression: missing", "at its end"},
    {ROUTE "        match: { regex: \"^/a)b\" }\n", 5, 29, "is no regular expression", "byte 4"},
    {ROUTE "        match: { regex: ^/a)b }\n", 5, 28, "is no regular expression", "byte 4"},
    {ROUTE "        match: { regex: \"\\x2fa)b\" }\n", 5, 25, "is no regular expression", "byte 3"},
    {ROUTE "        match: { path: '*/a*' }\n", 5, 24, "has '*' before its end", "'regex'"},
    {ROUTE "        match: { headers: { X-A: 'a*b' } }\n", 5, 29, "has '*' within", "re:"},
    {ROUTE "        match: { headers: { X-A: 're:(' } }\n", 5, 29, "no regular expression", NULL},
    {ROUTE "        match: { headers: { 'X A': b } }\n", 5, 29, "no name of a field", "headers:"},
    {ROUTE "        match: { headers: { Client-Cert: b } }\n", 5, 29, "could be trusted",
     "match.client"},
    {ROUTE "        match: { query: { 'a=b': c } }\n", 5, 27, "no name of a parameter", NULL},
    {ROUTE "        match: { cookies: { 'a b': c } }\n", 5, 29, "no name of a cookie", NULL},
    {ROUTE "        match: { client_address: here }\n", 5, 34, "'here'", NULL},
    {ROUTE "        match: { scheme: ftp }\n", 5, 26, "'ftp'", NULL},
    {ROUTE "        match: { not: {} }\n", 5, 23, "says nothing", "path"},
    {ROUTE "        match: { not: { not: { not: { not: { not: { path: /a } } } } } }\n", 5, 51,
     "more than 4 deep", "several routes"},
    {ROUTE "        match: { not: { client: { dns: a } } }\n", 5, 25, "unknown key 'client'", NULL},
    {ROUTE "        request_fields: { set: { X-A: '{match.id}' } }\n", 5, 25, "no capture 'id'",
     "does not have"},
    {ROUTE
     "        match: { regex: '(a)' }\n        request_fields: { set: { X-A: '{match.2}' } }\n",
     6, 25, "no capture '2'", "count its captures"},
    {ROUTE "        rewrite: { replace: { regex: '(' , with: /a } }\n", 5, 38,
     "no regular expression", NULL},
    {ROUTE "        rewrite: { replace: { regex: a, with: '/b?c' } }\n", 5, 47, "no path has",
     "another query"},
    {ROUTE "        rewrite: { replace: { regex: a, with: '/{no}' } }\n", 5, 47, "cannot be", NULL},
    {"sites:\n  - hosts: ['re:(']\n    respond: {}\n", 2, 13, "no regular expression", NULL},
    {"sites:\n  - hosts: ['a.**.example']\n    respond: {}\n", 2, 13, "whole first part",
     "\"**.example"},
    {ROUTE "        match: { path: ^/api/(.*)$ }\n", 5, 24, "path '^/api/(.*)$' is an expression",
     "path: \"/api/*\""},
    {ROUTE "        match: { path: '~* ^/img/.+' }\n", 5, 24, "is an expression", "\"/img/*\""},
    {ROUTE "        match: { path: '^/api$' }\n", 5, 24, "is an expression", "\"/api\";"},
    {ROUTE "        match: { path: '= /api' }\n", 5, 24, "is an expression", "\"/api\";"},
    {ROUTE "        match: { path: '/users/{id}' }\n", 5, 24, "is an expression", "\"/users/*\""},
    {ROUTE "        match: { path: '/(?:a|b)/' }\n", 5, 24, "is an expression", "\"/*\""},
    {"workers: !int 4\n", 1, 15, "tags ('!name') are not used", "leave the tag out"},
    {SITE "---\nworkers: 1\n", 4, 1, "a second document", "remove the '---'"},
    {"bind: [::1]:80\n", 1, 12, "not valid YAML", "needs quotes"},
    {SITE "listeners:\n  - bind: [[::1]:80]\n", 5, 12, "a key must be plain text", "quotes"},
    {"a: \xff\n", 1, 4, "byte 0xff is not UTF-8", "save the file as UTF-8"},
    {"a: b\x01\n", 1, 5, "control character U+0001", "remove it"},
    {"a: \xc2\x85\n", 1, 4, "control character U+0085", "remove it"},
    {"%YAML 3.0\n---\na: 1\n", 1, 1, "not valid YAML", NULL},
    {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1\n", 1, 35, "nested too deeply", "stray"},

    /* Keys. */
    {"\xc3\xa9: 1\n" SITE, 1, 1, "unknown key '\xc3\xa9' in the file", "the file can have: sites"},
    {HOST "    tls: { certficate: a.crt, key: a.key }\n    backend: 127.0.0.1:1\n", 3, 12,
     "unknown key 'certficate'; did you mean 'certificate'?",
     "tls of a site can have: certificate, key, certificates, ocsp, certificates_from"},
    {"sites:\n  - host: [a.example]\n    backend: 127.0.0.1:1\n", 2, 5,
     "unknown key 'host'; did you mean 'hosts'?", "a site can have: hosts, name"},
    {HOST "    respond: {}\n    tls: { certificates_from: d, ocsp: a.ocsp }\n", 4, 40,
     "'ocsp' belongs to a 'certificate', and there is none beside it", "'certificates'"},
    {HOST "    respond: {}\n    tls: { policy: modern }\n", 4, 10,
     "tls of a site has no certificate", "'certificates_from' with a folder"},
    {HOST "    respond: {}\n    tls: { certificates_from: d, min_version: 1.4 }\n", 4, 47, "1.4",
     "1.2"},
    {SITE "reload_certificates: 10ms\n", 4, 22, "reload_certificates", "from 1s to 1d, or off"},
    {SITE "key_process: separate\n", 4, 14, "separate", "on or off"},
    {SITE "limits: { signatures: 0 }\n", 4, 23, "signatures", "from 1"},
    {HOST "    bakcend: 127.0.0.1:1\n", 3, 5, "unknown key 'bakcend'; did you mean 'backend'?",
     NULL},
    {SITE "    certificate: a.crt\n", 4, 5,
     "unknown key 'certificate' in a site; it belongs in tls of a site", "a site can have"},
    {SITE "zzzzzzzz: 1\n", 4, 1, "unknown key 'zzzzzzzz' in the file", "listeners, backends"},
    {SITE "workers: 1\nworkers: 2\n", 5, 1, "'workers' is given twice in the file",
     "on line 4 already"},
    {SITE "user: root\n", 4, 7, "keep the rights of root", "another user"},
    {SITE "    backend: 127.0.0.1:2\n", 4, 5, "'backend' is given twice in a site", "line 3"},
    {SITE "    rate_limit: 5\n", 4, 5, "unknown key 'rate_limit' in a site", "rates:"},
    {SITE "http: {}\n", 4, 1, "unknown key 'http' in the file", "begins with 'sites:'"},
    {SITE "static_resources: {}\n", 4, 1, "unknown key 'static_resources'",
     "virtual hosts 'sites'"},
    {SITE "apiVersion: networking.k8s.io/v1\n", 4, 1, "unknown key 'apiVersion'",
     "a site for each host"},
    {SITE "kind: Ingress\n", 4, 1, "unknown key 'kind' in the file", "a site for each host"},
    {SITE "tls: { certificate: a, key: b }\n", 4, 1, "unknown key 'tls' in the file",
     "defaults: { tls"},
    {SITE "defaults: { headers: {} }\n", 4, 13, "unknown key 'headers' in defaults",
     "'response_fields'"},
    {SITE "metrics: on\n", 4, 1, "'metrics' is not in this version of Tidegate yet", "remove it"},
    {BACKEND "    balance: least_request\n", 7, 14, "least_request", "least_requests"},
    {BACKEND "    slow_start: 10ms\n", 7, 17, "slow_start", "1s"},
    {HOST
     "    backend: { servers: [{ address: '127.0.0.1:1', max_connections: 5 }], protocol: h2c }\n",
     3, 69, "where requests share connections", "max_requests: 5"},
    {ROUTE "        split: [ { backend: 127.0.0.1:2 } ]\n", 5, 9, "both 'backend' and 'split'",
     "a part"},
    {ROUTE "        split_by: address\n", 5, 9, "there is no 'split'", "canary"},
    {ROUTE "        split_sticky: {}\n", 5, 9, "there is no 'split'", "canary"},
    {HOST "    routes:\n      - split: [ { backend: 127.0.0.1:1, weight: 0 } ]\n", 4, 9,
     "no part of 'split' has a weight", "above 0"},
    {HOST "    routes:\n      - split: [ { backend: b }, { backend: b } ]\nbackends:\n"
          "  - { name: b, servers: 127.0.0.1:2 }\n",
     4, 34, "the backend 'b' twice", "sum"},
    {HOST
     "    routes:\n      - split: [ { backend: { servers: 127.0.0.1:1, protocol: fastcgi, root: "
     "/srv } } ]\n",
     4, 18, "not FastCGI", "in front"},
    {HOST
     "    routes:\n      - split: [ { backend: 127.0.0.1:1 } ]\n        split_by: { key: path, "
     "bounded_load: 125 }\n",
     5, 46, "'bounded_load' is of a backend", "remove"},
    {HOST "    routes:\n      - split: [ { backend: 127.0.0.1:1 } ]\n        split_by: {}\n", 5, 19,
     "'hash' does not say of what", "address"},
    {ROUTE "        mirror: {}\n", 5, 17, "'backend'", "backend: app"},
    {ROUTE "        mirror: { backend: 127.0.0.1:2, share: 101 }\n", 5, 48, "'share'", "100"},
    {ROUTE "        mirror: { backend: 127.0.0.1:2, share: -1 }\n", 5, 48, "'share'", NULL},
    {ROUTE "        mirror: { backend: 127.0.0.1:2, body_limit: 17m }\n", 5, 53, "'body_limit'",
     NULL},
    {ROUTE "        mirror: { backend: 127.0.0.1:2, max: 0 }\n", 5, 46, "'max'", NULL},
    {ROUTE "        mirror: { backend: nobody }\n", 5, 28, "nobody", NULL},
    {ROUTE "        mirror: { backend: { servers: 127.0.0.1:2, protocol: fastcgi, root: /srv } }\n",
     5, 17, "not FastCGI", "in front"},
    {HOST "    routes:\n      - respond: {}\n        mirror: { backend: 127.0.0.1:2 }\n", 5, 17,
     "'mirror' in a route without 'backend'", "remove it"},
    {BACKEND "    balance: hash\n", 7, 14, "'balance: hash' of what?", "X-User"},
    {BACKEND "    balance: { hash: {} }\n", 7, 22, "'hash' does not say of what", "hash: address"},
    {BACKEND "    balance: { hash: { key: path, cookie: a } }\n", 7, 43, "has two", "X-User"},
    {BACKEND "    balance: { hash: { cookie: a b } }\n", 7, 32, "'a b' is no name of a cookie",
     "session"},
    {BACKEND "    balance: { hash: { header: 'a:' } }\n", 7, 32, "'a:' is no name of a field",
     "X-User"},
    {BACKEND "    balance: { hash: { query: a=1 } }\n", 7, 31, "'a=1' is no name of a parameter",
     "/?user=7"},
    {BACKEND "    balance: { hash: { key: path, bounded_load: 100 } }\n", 7, 49, "bounded_load",
     "101"},
    {BACKEND "    balance: { hash: path, sticky: {} }\n", 7, 28, "are two strategies", "one"},
    {BACKEND "    balance: { strategy: ewma, hash: path }\n", 7, 26, "another one than 'hash'",
     "one of them"},
    {HOST "    passthrough: { servers: '127.0.0.1:1', balance: { hash: path } }\n", 3, 5,
     "chooses its server by 'hash: path'", "balance: source"},
    {HOST "    passthrough: { servers: '127.0.0.1:1', balance: sticky }\n", 3, 5,
     "chooses its server by 'sticky'", "hash: sni"},
    {HOST "    tls: { certificate: a, key: b }\n    backend: 127.0.0.1:1\n"
          "    acme_passthrough: { servers: '127.0.0.1:1', balance: sticky }\n",
     5, 5, "chooses its server by 'sticky'", "hash: sni"},
    {BACKEND "    health_check: { tcp: { send: PING } }\n", 7, 34,
     "'send' has no effect, as nothing is expected of the answer", "expect: \"+PONG\""},
    {BACKEND "    health_check: { path: /, tcp: {} }\n", 7, 19, "a health check is of one kind",
     "leave one of them"},
    {BACKEND "    health_check: { tls: {} }\n", 7, 26, "a check by tls needs 'tls' in the backend",
     "tcp: {}"},
    {BACKEND "    health_check: { grpc: {} }\n", 7, 27, "gRPC is spoken over HTTP/2", "h2c"},
    {BACKEND "    health_check: { http: { expect: [6xx] } }\n", 7, 38, "'6xx' is not a status",
     "2xx"},
    {BACKEND "    health_check: healthz\n", 7, 19, "'healthz' is not a path", "begins with '/'"},
    {BACKEND "    retries: { for: [timeout] }\n", 7, 21, "'per_try' does not say which",
     "per_try: 2s"},
    {BACKEND "    retries: { per_try: 1s }\n", 7, 25, "'per_try' has no effect", "add timeout"},
    {BACKEND "    retries: { for: [500] }\n", 7, 22, "a request is not sent again for '500'",
     "503"},
    {BACKEND "    retries: { hedge: p100 }\n", 7, 23, "'p100' says not after how long", "p95"},
    {BACKEND "    retries: { hedge: { after: 61s } }\n", 7, 32, "'61s' says not after how long",
     "1ms to 60s"},
    {SITE "backends:\n  - name: b\n    tls: {}\n    servers: [{ address: 'unix:/a', tls: {} }]\n",
     7, 26, "a server by a Unix socket has no name", "add 'server_name'"},
    {SITE "backends:\n  - name: b\n    servers: [{ address: 'a:1', tls: {} }]\n", 6, 38,
     "'tls' of a server is in place of the backend's", "add 'tls: {}'"},
    {BACKEND "    servers_from: { url: 'http://a/', ca: a.pem }\n", 7, 43,
     "'ca' is for a 'url' with https", "say https"},
    {BACKEND "    health_check: { http: { body_regex: '(a' } }\n", 7, 41, "(a", ""},
    {BACKEND "    outliers: { eject: 1m, eject_max: 1s }\n", 7, 39,
     "'eject_max' is shorter than 'eject'", "lower 'eject'"},
    {HOST "    tls: { certificate: a, key: b, acme: true }\n"
          "    backend: 127.0.0.1:1\n",
     3, 36, "'acme' is not in this version", "fetch themselves"},
    {HOST "    tls: { certificate: a, key: b, early_data: true, clients: { ca: c } }\n"
          "    backend: 127.0.0.1:1\n",
     3, 48, "'early_data' in a site that asks clients for certificates", "recorded"},
    {HOST "    tls: { certificate: a, key: b, early_data: true, max_version: '1.2' }\n"
          "    backend: 127.0.0.1:1\n",
     3, 48, "'early_data' in a site without TLS 1.3", "max_version"},
    {HOST "    tls: { certificate: a, key: b, early_data_limit: 100 }\n"
          "    backend: 127.0.0.1:1\n",
     3, 54, "early_data_limit", "1k"},
    {HOST "    routes: [{ match: { client: { uri: 'spiffe:x' } }, files: x }]\n", 3, 33,
     "this is for some clients, but none are verified", "verify: required"},
    {HOST "    tls: { certificate: a, key: b, clients: { ca: c } }\n"
          "    routes: [{ match: { client: { uri: ['spiffe:*x'] } }, files: x }]\n",
     4, 41, "has '*' before its end", "spiffe://example.org/shop/*"},
    {HOST "    backend: { servers: '127.0.0.1:1', tls: { pins: [sha256/abc] } }\n", 3, 54,
     "'sha256/abc' is no pin", "openssl dgst"},

    /* Values of the wrong kind. */
    {SITE "workers:\n", 4, 1, "'workers' has no value", "for example workers: 4"},
    {SITE "workers: [1]\n", 4, 10, "'workers' needs a whole number, not a list", "workers: 4"},
    {SITE "workers: many\n", 4, 10, "'workers' needs a whole number, not 'many'", "workers: 4"},
    {SITE "workers: -1\n", 4, 10, "'workers' needs a whole number, not '-1'", NULL},
    {SITE "workers: 257\n", 4, 10, "'workers' is '257', which is too large", "from 0 to 256"},
    {SITE "workers: 99999999999999999999999\n", 4, 10, "which is too large", "from 0 to 256"},
    {SITE "limits: 5\n", 4, 9, "'limits' needs a section of keys and values, not text '5'",
     "limits: { body: 100M }"},
    {SITE "limits: { head: 32q }\n", 4, 17, "'head' needs a size, not '32q'", "k, M, G or T"},
    {SITE "limits: { head: 10 }\n", 4, 17, "'head' is '10', which is too small", "1k to 1M"},
    {SITE "limits: { body: 9999T }\n", 4, 17, "which is too large", "1024T, or unlimited"},
    {SITE "limits: { head: unlimited }\n", 4, 17, "'head' needs a size, not 'unlimited'", NULL},
    {SITE "limits: { target: 64k }\n", 4, 19, "limits.target is larger than limits.head", "raise"},
    {SITE "timeouts: { head: 15 }\n", 4, 19, "'head' has no unit of time",
     "write head: 15s for seconds"},
    {SITE "timeouts: { head: soon }\n", 4, 19, "'head' needs a time, not 'soon'", "ms, s, m, h"},
    {SITE "timeouts: { head: off }\n", 4, 19, "'head' needs a time, not 'off'", NULL},
    {SITE "timeouts: { head: 1ms }\n", 4, 19, "'head' is '1ms', which is too short",
     "from 100ms to 1h"},
    {SITE "timeouts: { head: 1.5s }\n", 4, 19, "'head' needs a time, not '1.5s'", "whole number"},
    {SITE "log: { format: jsn }\n", 4, 16, "'format' cannot be 'jsn'; did you mean 'json'?",
     "json, combined, logfmt or template"},
    {SITE "log: { to: [/var/log/a.log] }\n", 4, 13, "'/var/log/a.log' is no place for a log",
     "file:/var/log/a.log"},
    {SITE "log: { level: loudly }\n", 4, 15, "'level' cannot be 'loudly'",
     "error, warn, info or debug"},
    {SITE "user: ''\n", 4, 7, "'user' is empty", "user: tidegate"},
    {SITE "user: 'a b'\n", 4, 7, "'a b' cannot be a user or group", NULL},
    {SITE "user: \"a\\0b\"\n", 4, 7, "'user' has a NUL byte", NULL},
    {"sites: []\n", 1, 8, "'sites' is empty", "leave it out"},
    {"sites: shop\n", 1, 8, "'sites' needs a list of sections, not text 'shop'", "sites: ["},
    {"sites:\n  hosts: [a.example]\n", 2, 3, "'sites' needs a list of sections, not a section",
     NULL},
    {"sites: [shop]\n", 1, 9, "not text 'shop'", NULL},
    {BACKEND "    tls: { verify: yes }\n", 7, 20, "'verify' is true or false, not 'yes'",
     "write verify: true"},
    {BACKEND "    tls: true\n", 7, 10, "'tls' needs a section of keys and values", "tls: { ca:"},

    /* Listeners, addresses, networks. */
    {SITE "listeners: [{bind: 443}]\n", 4, 20, "address '443' has no port", "write \":443\""},
    {SITE "listeners: [{bind: 'x:443'}]\n", 4, 20, "a listener needs a number, not the name 'x'",
     "\":8080\""},
    {SITE "listeners: [{bind: '*:443'}]\n", 4, 20, "address '*:443' names no host",
     "write \":443\""},
    {SITE "listeners: [{bind: ':70000'}]\n", 4, 20,
     "port '70000' of ':70000' is not a number from 0 to 65535", NULL},
    {SITE "listeners: [{bind: '1.2.3.256:80'}]\n", 4, 20, "neither a name nor an IPv4 address",
     "four numbers"},
    {SITE "listeners: [{bind: '[::g]:80'}]\n", 4, 20, "'::g' is not an IPv6 address", NULL},
    {SITE "listeners: [{bind: ':1'}, {bind: [':2', '127.0.0.1:1']}]\n", 4, 41,
     "'127.0.0.1:1' is taken by another listener's ':1'", "line 4"},
    {SITE "listeners:\n  - proxy_protocol_from: unix\n  - sites: [a.example]\n", 6, 5,
     "':80' is taken by another listener's ':80'", NULL},
    {SITE "listeners: [{sites: [a.exmple]}]\n", 4, 22,
     "unknown site 'a.exmple'; did you mean 'a.example'?", "'name'"},
    {SITE "listeners: [{proxy_protocol_from: 10.0.0.1/8}]\n", 4, 35,
     "network '10.0.0.1/8' has bits set behind its prefix", "the first 8"},
    {SITE "trusted_proxies: [10.0.0.0/33]\n", 4, 19, "prefix length of '10.0.0.0/33'",
     "10.0.0.0/8"},
    {SITE "trusted_proxies: [example.com]\n", 4, 19, "'example.com' is not a network", "unix"},
    {HOST "    backend: '127.0.0.1:65536'\n", 3, 14,
     "port '65536' of '127.0.0.1:65536' is not a number from 1 to 65535", "127.0.0.1:8080"},
    {HOST "    backend: '127.0.0.1:0'\n", 3, 14, "port '0' of '127.0.0.1:0'", NULL},
    {HOST "    backend: ':80'\n", 3, 14, "address ':80' names no host", "127.0.0.1:80"},
    {HOST "    backend: '::1:80'\n", 3, 14, "'::1:80' is not an address", "\"[::1]:8080\""},
    {HOST "    backend: http://x:80/\n", 3, 14, "'http://x:80/' is a URL, not an address",
     "\"x:80\""},
    {HOST "    backend: 'unix:'\n", 3, 14, "'unix:' has no path", "unix:/run/app.sock"},

    /* Hosts. */
    {"sites: [{hosts: [], files: x}]\n", 1, 17, "'hosts' is empty", NULL},
    {"sites: [{hosts: 'https://a.example/', files: x}]\n", 1, 17, "is a URL, not a host", "routes"},
    {"sites: [{hosts: 'a.example:443', files: x}]\n", 1, 17, "host 'a.example:443' has a port",
     "listeners"},
    {"sites: [{hosts: 'a.*.example', files: x}]\n", 1, 17, "'*' can only be the whole first part",
     "\"*.example.com\""},
    {"sites: [{hosts: '*a.example', files: x}]\n", 1, 17, "'*' can only be the whole first part",
     NULL},
    {"sites: [{hosts: [m\xc3\xbcnchen.example], files: x}]\n", 1, 18, "is not plain ASCII", "xn--"},
    {"sites: [{hosts: [a..example], files: x}]\n", 1, 18, "has an empty part", NULL},
    {"sites: [{hosts: [a.example.], files: x}]\n", 1, 18, "has an empty part", "either end"},
    {"sites: [{hosts: [-a.example], files: x}]\n", 1, 18, "begins or ends with '-'", NULL},
    {"sites: [{hosts: ['a b'], files: x}]\n", 1, 18, "' ' cannot be in one", "letters"},
    {"sites: [{hosts: ['::1', '[0::1]'], files: x}]\n", 1, 25, "host '[::1]' is served twice",
     "keep one"},
    {"sites: [{hosts: ['.shop.test'], files: x}]\n", 1, 18, "host '.shop.test' begins with a dot",
     "hosts: [\"shop.test\", \"*.shop.test\"]"},
    {"sites: [{hosts: [10.0.0.300], files: x}]\n", 1, 18, "neither a name nor an IPv4", NULL},
    {SITE "  - hosts: [b.example, A.EXAMPLE]\n    files: x\n", 4, 24,
     "host 'a.example' is served twice", "the site on line 2"},
    {"sites:\n  - { hosts: '*', files: x }\n  - { hosts: '*', files: y }\n", 3, 14,
     "there are two default sites", NULL},
    {SITE "  - { hosts: b.example, name: A.example, files: x }\n", 4, 31,
     "there are two sites named 'A.example'", "on line 2"},

    /* Sites. */
    {HOST, 2, 5, "a site does nothing", "add 'backend'"},
    {HOST "    backend: { servers: '127.0.0.1:1', protocol: fastcgi }\n", 3, 50,
     "a backend with 'protocol: fastcgi' has no 'root'", "root: /srv/www"},
    {HOST "    backend: { servers: '127.0.0.1:1', root: /srv }\n", 3, 46,
     "'root' in a backend that does not speak FastCGI", "protocol: fastcgi"},
    {HOST "    tcp: 127.0.0.1:1\n", 3, 5, "a site with 'tcp' has no 'tls'", "listener's 'tcp'"},
    {HOST "    tcp: 127.0.0.1:1\n    tls: { certificate: a, key: b }\n    files: x\n", 5, 5,
     "a site with 'tcp' cannot have 'files' too", "as they are"},
    {HOST "    tcp: { servers: '127.0.0.1:1', balance: sticky }\n"
          "    tls: { certificate: a, key: b }\n",
     3, 5, "'sticky'", "hash: sni"},
    {HOST "    respond: {}\n    alpn: [mqtt]\n", 4, 11, "'alpn' in a site without 'tcp'",
     "protocols: h2+h1"},
    {HOST "    passthrough: 127.0.0.1:1\n    tls: { certificate: a, key: b }\n", 3, 5,
     "a site with 'passthrough' cannot have 'tls' too", "choose"},
    {HOST "    passthrough: 127.0.0.1:1\n    files: x\n", 4, 5,
     "a site with 'passthrough' cannot have 'files' too", "'tls' in place"},
    {HOST "    passthrough: { servers: '127.0.0.1:1', tls: {} }\n", 3, 5,
     "'passthrough' to a backend with 'tls'", "TLS already"},
    {SITE "    redirect: /x\n", 4, 5, "a site has both 'backend' and 'redirect'", "keep one"},
    {SITE "    www: both\n", 4, 10, "'www' cannot be 'both'", "as_is, add or remove"},
    {HOST "    passthrough: 127.0.0.1:1\n    www: add\n", 4, 10,
     "'www' in a site whose requests are not read here", "redirect of HTTP"},
    {"sites:\n  - hosts: ['*', '*.a.example', 192.0.2.1]\n    respond: {}\n    www: add\n", 4, 10,
     "'www' in a site that has no name", "hosts: [example.com]"},
    {SITE "    www: add\n  - { hosts: [b.example, www.a.example], respond: {} }\n", 5, 26,
     "host 'www.a.example' is served twice", "both forms of its names"},
    {SITE "    plain_http: redirect\n", 4, 17, "'plain_http: redirect' in a site without TLS",
     "add 'tls'"},
    {HOST "    passthrough: 127.0.0.1:1\n    plain_http: serve\n", 4, 17,
     "'plain_http: serve' in a site with 'passthrough'", NULL},
    {SITE "    plain_http: serve\n"
          "    tls: { certificate: a, key: b, clients: { verify: required, ca: c } }\n",
     4, 17, "'plain_http: serve' in a site that requires client certificates", "anybody"},
    {SITE "    tls: { certificate: a.crt }\n", 4, 25, "'certificate' without 'key'", "private key"},
    {SITE "    tls: { key: a.key }\n", 4, 17, "'key' without 'certificate'", NULL},
    {SITE "    tls: {}\n", 4, 10, "tls of a site has no certificate", "shop.crt"},
    {SITE "    tls: { certificates: [{ certificate: a }] }\n", 4, 27, "a certificate has no 'key'",
     "key: shop.key"},
    {SITE "    tls: { certificate: a, key: b, clients: { verify: optional } }\n", 4, 55,
     "clients are to be verified, but there is no 'ca'", "partners.pem"},
    {SITE "    tls: { certificate: '', key: b }\n", 4, 25, "'certificate' is empty", NULL},
    {SITE "    tls: { certificate: a, key: b, policy: hard }\n", 4, 44, "'policy' cannot be 'hard'",
     "intermediate, modern or old"},

    /* Routes. */
    {HOST "    routes:\n      - match: { path: /a }\n", 4, 9,
     "a route has neither 'backend', 'respond', 'files' nor 'redirect'", "say what"},
    {ROUTE "        respond: { status: 204 }\n", 5, 9, "a route has both 'backend' and 'respond'",
     NULL},
    {HOST "    respond: { status: 301 }\n", 3, 24, "a 301 response without Location",
     "fields: { Location:"},
    {HOST "    respond: { status: 308, fields: { X: y } }\n", 3, 24,
     "a 308 response without Location", NULL},
    {ROUTE "        match: { path: v1 }\n", 5, 24, "path 'v1' does not begin with '/'", "\"/v1\""},
    {ROUTE "        match: { path: '*' }\n", 5, 24, "path '*' does not begin with '/'", "/*"},
    {ROUTE "        match: { path: '/a*b' }\n", 5, 24, "has '*' before its end", NULL},
    {ROUTE "        match: { path: '/a?b=c' }\n", 5, 24, "character that no path has", "alone"},
    {ROUTE "        match: { path: '/a/../b' }\n", 5, 24, "would match nothing", "lead to"},
    {ROUTE "        match: { path: '/a/.' }\n", 5, 24, "would match nothing", "lead to"},
    {ROUTE "        match: { path: '//a/*' }\n", 5, 24, "would match nothing", "lead to"},
    {ROUTE "        match: { path: '/a%2' }\n", 5, 24, "two hexadecimal digits", "%25"},
    {ROUTE "        match: { methods: [GET, 'a b'] }\n", 5, 33, "'a b' is not a method", NULL},
    {ROUTE "        match: { methods: get }\n", 5, 27, "method 'get' is not in capitals", NULL},
    {ROUTE "        match: { methods: [CONNECT] }\n", 5, 28, "method CONNECT cannot be routed",
     "forward proxy"},
    {ROUTE "        upgrade: [h2c]\n", 5, 19, "upgrade to 'h2c' cannot be passed on", "bypass"},
    {ROUTE "        body_limit: lots\n", 5, 21, "'body_limit' needs a size, not 'lots'",
     "unlimited"},
    {HOST "    respond: { status: 99 }\n", 3, 24, "'status' is '99', which is too small",
     "from 200 to 599"},
    {HOST "    respond: { status: 204, body: x }\n", 3, 35, "a 204 response has no body", NULL},
    {HOST "    respond: { status: 304, echo: true }\n", 3, 35, "a 304 response has no body", NULL},
    {HOST "    respond: { echo: true, body: x }\n", 3, 34, "both 'body' and 'echo'", NULL},
    {HOST "    respond: { fields: { 'a b': x } }\n", 3, 26, "'a b' is not a field name", NULL},
    {HOST "    respond: { fields: { Content-Length: 5 } }\n", 3, 26,
     "field 'Content-Length' cannot be set", "itself"},
    {HOST "    respond: { fields: { Upgrade: x } }\n", 3, 24, "field 'Upgrade' cannot be set",
     "status 426"},
    {HOST "    respond: { status: 426 }\n", 3, 24, "a 426 response needs the field Upgrade",
     "websocket"},
    {HOST "    respond: { fields: { A: \"x\\r\\ny: z\" } }\n", 3, 26, "has a line break", NULL},
    {HOST "    respond: { fields: { A: x, a: y } }\n", 3, 32, "field 'a' is given twice", "commas"},
    {HOST "    respond: { fields: { A: [x] } }\n", 3, 29, "field 'A' needs text", NULL},
    {HOST "    files: { index: a }\n", 3, 12, "files has no 'root'", "root: public"},
    {HOST "    files: { root: x, index: a/b }\n", 3, 30, "'a/b' is not a plain file name", NULL},

    /* Backends. */
    {HOST "    backend: bee\n"
          "backends:\n  - { name: bees, servers: '127.0.0.1:1' }\n",
     3, 14, "unknown backend 'bee'; did you mean 'bees'?", "the backends are: bees"},
    {HOST "    backend: api\n", 3, 14, "unknown backend 'api'", "define it under 'backends'"},
    {HOST "    backend: localhost\n", 3, 14, "unknown backend 'localhost'", "localhost:8080"},
    {HOST "    backend:\n", 3, 5, "'backend' has no value", "backend: 127.0.0.1:8080"},
    {HOST "    backend: []\n", 3, 14, "'servers' is empty", NULL},
    {HOST "    backend: { servers: [\"srv:_http._tcp.example:80\"] }\n", 3, 26,
     "service '_http._tcp.example:80' has a port", "srv:_http._tcp.example.com"},
    {HOST "    backend: { servers: [\"srv:_https._tcp.example\"], tls: {} }\n", 3, 26,
     "cannot be checked for them", "server_name"},
    {HOST "    backend: { servers: [a.example:80], resolve: { servers: [dns.example] } }\n", 3, 62,
     "is not the address of a name server", "10.0.0.53"},
    {HOST "    backend: { servers: [{ address: 10.0.0.1:80, server_name: a.example }] }\n", 3, 63,
     "'server_name' is of TLS", "tls: {}"},
    {HOST "    backend: { servers_from: { every: 1s } }\n", 3, 30, "neither a 'file' nor a 'url'",
     "file:"},
    {HOST "    backend: { servers_from: { file: a.yaml, url: \"http://a.example/\" } }\n", 3, 30,
     "both a 'file' and a 'url'", "file:"},
    {HOST "    backend: { servers_from: { url: \"ftp://a.example/\" } }\n", 3, 37,
     "is not a URL that can be fetched", "http://"},
    {HOST "    backend: { name: x }\n", 3, 14, "a backend has no 'servers'", "servers: ["},
    {BACKEND "  - { name: B, servers: '127.0.0.1:3' }\n", 7, 13, "there are two backends named 'B'",
     "on line 5"},
    {SITE "backends:\n  - servers: 127.0.0.1:2\n", 5, 5, "a backend has no 'name'", "name: api"},
    {SITE "backends:\n  - { name: 'a:b', servers: 127.0.0.1:2 }\n", 5, 13, "'a:b' cannot be a name",
     "letters"},
    {BACKEND "  - { name: c, servers: [{ weight: 2 }] }\n", 7, 26, "a server has no 'address'",
     NULL},
    {BACKEND "  - { name: c, servers: [{ address: '127.0.0.1:1', weight: 0 }] }\n", 7, 60,
     "'weight' is '0', which is too small", "from 1 to 1000"},
    {BACKEND "    tls: { certificate: a }\n", 7, 25, "'certificate' without 'key'", NULL},
    {BACKEND "    tls: { server_name: 'a b' }\n", 7, 25, "' ' cannot be in one", NULL},
    {BACKEND "    proxy_protocol: v3\n", 7, 21, "'proxy_protocol' cannot be 'v3'",
     "off, v1, v2 or v2_tls"},
    {BACKEND "    protocol: http2\n", 7, 15, "'protocol' cannot be 'http2'", "h2"},
    {BACKEND "    protocol: h2\n", 7, 15, "'protocol: h2' needs 'tls'", "h2c"},
    {BACKEND "    protocol: auto\n", 7, 15, "'protocol: auto' needs 'tls'", "tls: {}"},
    {BACKEND "    protocol: h2c\n    tls: {}\n", 7, 15, "is HTTP/2 without TLS", "remove 'tls'"},
    {BACKEND "    protocol: h2c\n    proxy_protocol: v2\n", 7, 15, "a PROXY header names one",
     "protocol: h1"},
    {BACKEND "    connect_timeout: 3\n", 7, 22, "'connect_timeout' has no unit of time",
     "write connect_timeout: 3s"},
};

static const struct message_case warnings[] = {
    {"listeners: [{bind: 127.0.0.1:8443}]\nsites: [{hosts: [a.example], passthrough: "
     "127.0.0.1:8443}]\n",
     2, 43, "'127.0.0.1:8443' is a listener of this gateway", "for ever"},
    {"listeners: [{bind: ':8443'}]\nsites: [{hosts: [a.example], passthrough: "
     "'localhost:8443'}]\n",
     2, 43, "'localhost:8443' is a listener of this gateway", "for ever"},
    {"listeners: [{bind: ':8443'}]\nsites: [{hosts: [a.example], backend: 127.0.0.1:8443}]\n", 2,
     39, "'127.0.0.1:8443' is a listener of this gateway", "508"},
    {BACKEND, 5, 11, "backend 'b' is not used", "backend: b"},
    {SITE "trusted_proxies: [10.0.0.0/8, 0.0.0.0/0]\n", 4, 18, "'trusted_proxies' has 0.0.0.0/0",
     "write down what it is"},
    {SITE "trusted_proxies: '::/0'\n", 4, 18, "'trusted_proxies' has ::/0", NULL},
    {SITE "trusted_proxies: [0.0.0.0/1, 128.0.0.0/1]\n", 4, 18, "has 0.0.0.0/1", NULL},
    {SITE "listeners: [{ bind: ':2', proxy_protocol_from: 0.0.0.0/0 }]\n", 4, 48,
     "'proxy_protocol_from' has 0.0.0.0/0", NULL},
    {SITE "limits: { body: 0 }\n", 4, 17, "no request may have a body", "unlimited"},
    {ROUTE "        body_limit: 0\n", 5, 21, "no request of this route may have a body",
     "unlimited"},
    {HOST "    respond: { status: 401 }\n", 3, 24, "a 401 response without WWW-Authenticate",
     "fields: { WWW-Authenticate:"},
    {ROUTE "      - match: { path: /a, methods: [GET] }\n        files: x\n", 5, 9,
     "no request can reach this route", "on line 4"},
    {HOST "    backend: 127.0.0.1:1\n    routes:\n      - files: x\n", 3, 5,
     "no request can reach this route", "on line 5"},
    {SITE "  - { hosts: b.example, files: x }\nlisteners: [{ sites: a.example }]\n", 4, 5,
     "no listener serves site 'b.example'", "'sites' of a listener"},
    {HOST "    backend: ['127.0.0.1:1', '127.0.0.1:1']\n", 3, 30,
     "server '127.0.0.1:1' is listed twice", "weight"},
    {HOST "    backend: { servers: '127.0.0.1:1', tls: { verify: false, ca: x } }\n", 3, 66,
     "'ca' is not used", NULL},
    {HOST "    backend: { servers: '127.0.0.1:1', queue: { size: 3 } }\n", 3, 55,
     "nothing waits in 'queue'", "max_requests"},
    {HOST "    backend: { servers: [{ address: '127.0.0.1:1', backup: true }] }\n", 3, 60,
     "all servers of the backend are backups", "remove 'backup'"},
    {HOST "    backend: { servers: [{ address: '127.0.0.1:1', zone: a }] }\n", 3, 58,
     "'zone' of a server has no effect", "zone: a"},
};

static void each_error_has_its_place_and_mend(void **state)
{
    struct config_report report;
    struct settings *settings;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        settings = load_part(errors[i].yaml, strlen(errors[i].yaml), &report);
        check_config_message(&errors[i], &report, CONFIG_ERROR);
        assert_null(settings);
        config_report_free(&report);
    }
}

static void each_warning_comes_with_settings(void **state)
{
    struct config_report report;
    struct settings *settings;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
        settings = load_part(warnings[i].yaml, strlen(warnings[i].yaml), &report);
        check_config_message(&warnings[i], &report, CONFIG_WARNING);
        assert_non_null(settings);
        settings_destroy(settings);
        config_report_free(&report);
    }
}

/* NULL exactly when there is an error, whatever the text. */
static void every_beginning_of_every_case_is_survived(void **state)
{
    struct config_report report;
    struct settings *settings;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        for (size_t len = 0; len < strlen(errors[i].yaml); len++) {
            settings = load_part(errors[i].yaml, len, &report);
            assert_int_equal(settings == NULL, config_report_has_errors(&report));
            settings_destroy(settings);
            config_report_free(&report);
        }
    }
}

static void one_error_does_not_bring_others_with_it(void **state)
{
    static const char yaml[] = "sites:\n"
                               "  - host: [a.example]\n"
                               "    bakcend: 127.0.0.1:1\n"
                               "    tls: { certficate: a, key: b }\n";
    struct config_report report;

    (void)state;
    assert_null(load_part(yaml, strlen(yaml), &report));
    assert_int_equal(report.errors, 3);
    config_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_place_and_mend),
        cmocka_unit_test(each_warning_comes_with_settings),
        cmocka_unit_test(every_beginning_of_every_case_is_survived),
        cmocka_unit_test(one_error_does_not_bring_others_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
