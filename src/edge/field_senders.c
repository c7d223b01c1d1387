#include "edge/field_senders.h"

struct listed {
    struct span name; /* "X-Forwarded-*": all names that begin so; '*' stands at the end alone */
    enum field_sender sender;
};

#define TRUSTED(name)                                                                              \
    {                                                                                              \
        SPAN(name), FIELD_FROM_TRUSTED                                                             \
    }
#define NOBODY(name)                                                                               \
    {                                                                                              \
        SPAN(name), FIELD_FROM_NOBODY                                                              \
    }
/* Anyone sends it, but only so spelled: framing, and what the gateway itself reads. */
#define ANYONE(name)                                                                               \
    {                                                                                              \
        SPAN(name), FIELD_FROM_ANYONE                                                              \
    }

/* In bins by their first letter, those with "X-" in front by the letter behind that: a name that is
 * in no list is known by that letter, or by a few comparisons. The first that matches counts. */
#define BIN_COUNT 64
#define BIN(letter) ((letter)&31)
#define BIN_X(letter) (32 + ((letter)&31))

static const struct listed a[] = {TRUSTED("Ali-CDN-Real-IP")};
static const struct listed c[] = {
    NOBODY("Client-Cert"),        NOBODY("Client-Cert-Chain"),
    NOBODY("Client-Cert-Verify"), NOBODY("Client-Cert-Unverified"),
    TRUSTED("Client-Cert*"),      TRUSTED("Client-IP"),
    TRUSTED("Client-Verify"),     TRUSTED("Client-DN"),
    TRUSTED("Client-S-DN"),       TRUSTED("Client-I-DN"),
    TRUSTED("Cluster-Client-IP"), TRUSTED("CF-Connecting-*"),
    TRUSTED("CF-Pseudo-IPv4"),    TRUSTED("CF-Visitor"),
    TRUSTED("CF-Access-Auth*"),   ANYONE("CDN-Loop"),
    ANYONE("Content-Length"),
};
static const struct listed d[] = {TRUSTED("DO-Connecting-IP")};
static const struct listed e[] = {ANYONE("Early-Data")};
static const struct listed f[] = {
    TRUSTED("Forwarded"),       TRUSTED("Forwarded-*"),   TRUSTED("Fastly-Client-*"),
    TRUSTED("Fastly-SSL"),      TRUSTED("Fly-Client-IP"), TRUSTED("Fly-Forwarded-*"),
    TRUSTED("Front-End-Https"),
};
static const struct listed h[] = {TRUSTED("HTTPS"), TRUSTED("HTTP_*")};
static const struct listed i[] = {TRUSTED("Incap-Client-IP"), TRUSTED("IV-*")};
static const struct listed o[] = {TRUSTED("OAM_*"), TRUSTED("OIDC_*")};
static const struct listed p[] = {
    NOBODY("Proxy"),
    TRUSTED("Proxy-Client-IP"),
    TRUSTED("PATH_INFO"),
};
static const struct listed r[] = {TRUSTED("Remote-*")};
static const struct listed s[] = {
    TRUSTED("SSL-*"),
    TRUSTED("SM_*"),
    TRUSTED("SCRIPT_NAME"),
};
static const struct listed t[] = {
    TRUSTED("True-Client-*"),
    TRUSTED("TLS-Client-*"),
    TRUSTED("Tailscale-User-*"),
    ANYONE("Transfer-Encoding"),
};
static const struct listed w[] = {TRUSTED("WL-Proxy-*")};

static const struct listed x_a[] = {
    TRUSTED("X-Anonymous-Consumer"), TRUSTED("X-Accel-*"),
    TRUSTED("X-Appengine-*"),        TRUSTED("X-ARR-*"),
    TRUSTED("X-Amzn-Mtls-*"),        TRUSTED("X-Amzn-Oidc-*"),
    TRUSTED("X-Auth-Request-*"),     TRUSTED("X-Authenticated-*"),
    TRUSTED("X-Authentik-*"),        TRUSTED("X-Azure-*"),
};
static const struct listed x_c[] = {
    TRUSTED("X-Client-Cert*"),
    TRUSTED("X-Client-Verif*"),
    TRUSTED("X-Client-IP*"),
    TRUSTED("X-Client-DN"),
    TRUSTED("X-Client-S-DN"),
    TRUSTED("X-Client-I-DN"),
    TRUSTED("X-Client-Subject*"),
    TRUSTED("X-Client-Issuer*"),
    TRUSTED("X-Client-Serial*"),
    TRUSTED("X-Client-Finger*"),
    TRUSTED("X-Client-TLS-*"),
    TRUSTED("X-Client-SSL-*"),
    TRUSTED("X-Client-Addr*"),
    TRUSTED("X-Cluster-Client-IP"),
    TRUSTED("X-Consumer-Custom-ID"),
    TRUSTED("X-Consumer-Groups"),
    TRUSTED("X-Consumer-ID"),
    TRUSTED("X-Consumer-Username"),
    TRUSTED("X-Credential-Identifier"),
    TRUSTED("X-Credential-Username"),
};
static const struct listed x_e[] = {TRUSTED("X-Envoy-*"), TRUSTED("X-External-IP")};
static const struct listed x_f[] = {
    NOBODY("X-Forwarded-Client-Cert"),
    TRUSTED("X-Forwarded"),
    TRUSTED("X-Forwarded-*"),
    TRUSTED("X-Forward-*"),
};
static const struct listed x_g[] = {TRUSTED("X-Goog-Authenticated-*")};
static const struct listed x_h[] = {
    TRUSTED("X-Host"),
    TRUSTED("X-HTTP-Host-Override"),
    TRUSTED("X-HTTPS"),
};
static const struct listed x_m[] = {TRUSTED("X-MS-Client-Principal*")};
static const struct listed x_n[] = {TRUSTED("X-NF-Client-Connection-IP")};
static const struct listed x_o[] = {TRUSTED("X-Original-*"), TRUSTED("X-Originating-IP")};
static const struct listed x_p[] = {
    TRUSTED("X-Proto"),
    TRUSTED("X-ProxyUser-IP"),
    TRUSTED("X-Pomerium-*"),
    TRUSTED("X-Peer-Cert*"),
};
static const struct listed x_r[] = {
    TRUSTED("X-Real-*"),
    TRUSTED("X-Remote-*"),
    TRUSTED("X-Request-ID"),
    TRUSTED("X-Rewrite-URL"),
};
static const struct listed x_s[] = {
    TRUSTED("X-SSL"),         TRUSTED("X-SSL-*"),         TRUSTED("X-Scheme"),
    TRUSTED("X-Script-Name"), TRUSTED("X-Sendfile-Type"),
};
static const struct listed x_t[] = {TRUSTED("X-TLS-*"), TRUSTED("X-True-Client-IP")};
static const struct listed x_u[] = {TRUSTED("X-URL-Scheme")};
static const struct listed x_v[] = {TRUSTED("X-Vercel-*")};
static const struct listed x_w[] = {TRUSTED("X-WebAuth-*")};

struct bin {
    const struct listed *names;
    size_t count;
};

static const struct bin bins[BIN_COUNT] = {
    [BIN('a')] = {a, ARRAY_LEN(a)},       [BIN('c')] = {c, ARRAY_LEN(c)},
    [BIN('d')] = {d, ARRAY_LEN(d)},       [BIN('e')] = {e, ARRAY_LEN(e)},
    [BIN('f')] = {f, ARRAY_LEN(f)},       [BIN('h')] = {h, ARRAY_LEN(h)},
    [BIN('i')] = {i, ARRAY_LEN(i)},       [BIN('o')] = {o, ARRAY_LEN(o)},
    [BIN('p')] = {p, ARRAY_LEN(p)},       [BIN('r')] = {r, ARRAY_LEN(r)},
    [BIN('s')] = {s, ARRAY_LEN(s)},       [BIN('t')] = {t, ARRAY_LEN(t)},
    [BIN('w')] = {w, ARRAY_LEN(w)},       [BIN_X('a')] = {x_a, ARRAY_LEN(x_a)},
    [BIN_X('c')] = {x_c, ARRAY_LEN(x_c)}, [BIN_X('e')] = {x_e, ARRAY_LEN(x_e)},
    [BIN_X('f')] = {x_f, ARRAY_LEN(x_f)}, [BIN_X('g')] = {x_g, ARRAY_LEN(x_g)},
    [BIN_X('h')] = {x_h, ARRAY_LEN(x_h)}, [BIN_X('m')] = {x_m, ARRAY_LEN(x_m)},
    [BIN_X('n')] = {x_n, ARRAY_LEN(x_n)}, [BIN_X('o')] = {x_o, ARRAY_LEN(x_o)},
    [BIN_X('p')] = {x_p, ARRAY_LEN(x_p)}, [BIN_X('r')] = {x_r, ARRAY_LEN(x_r)},
    [BIN_X('s')] = {x_s, ARRAY_LEN(x_s)}, [BIN_X('t')] = {x_t, ARRAY_LEN(x_t)},
    [BIN_X('u')] = {x_u, ARRAY_LEN(x_u)}, [BIN_X('v')] = {x_v, ARRAY_LEN(x_v)},
    [BIN_X('w')] = {x_w, ARRAY_LEN(x_w)},
};

static bool is_letter(char byte)
{
    char lower = ascii_lower(byte);

    return lower >= 'a' && lower <= 'z';
}

static char fold(char byte)
{
    return is_letter(byte) || ascii_is_digit(byte) ? ascii_lower(byte) : '-';
}

static const struct bin *bin_of(struct span name)
{
    static const struct bin none = {NULL, 0};
    char first = name.len != 0 ? name.ptr[0] : '-';

    if (ascii_lower(first) == 'x' && name.len > 2 && fold(name.ptr[1]) == '-' &&
        is_letter(name.ptr[2])) {
        return &bins[BIN_X(name.ptr[2])];
    }
    return is_letter(first) ? &bins[BIN(first)] : &none;
}

/* Whether a server may take `name` for a listed one; *is_spelled: it is written as listed, but for
 * case, and where '*' stands with letters, digits, and '-' or the mark in front of the '*' alone:
 * OIDC_CLAIM_email is of OIDC_*. */
static bool is_alike(struct span name, struct span listed, bool *is_spelled)
{
    bool is_pattern = listed.ptr[listed.len - 1] == '*';
    size_t len = is_pattern ? listed.len - 1 : listed.len;

    if (is_pattern ? name.len < len : name.len != len) {
        return false;
    }
    *is_spelled = true;
    for (size_t at = 0; at < len; at++) {
        if (fold(name.ptr[at]) != fold(listed.ptr[at])) {
            return false;
        }
        *is_spelled &= ascii_lower(name.ptr[at]) == ascii_lower(listed.ptr[at]);
    }
    for (size_t at = len; at < name.len; at++) {
        *is_spelled &= fold(name.ptr[at]) == ascii_lower(name.ptr[at]) ||
                       (fold(listed.ptr[len - 1]) == '-' && name.ptr[at] == listed.ptr[len - 1]);
    }
    return true;
}

bool field_name_is_alike(struct span name, struct span listed)
{
    bool is_spelled;

    return is_alike(name, listed, &is_spelled);
}

enum field_sender field_sender(struct span name)
{
    const struct bin *bin = bin_of(name);

    for (size_t at = 0; at < bin->count; at++) {
        bool is_spelled;
        if (is_alike(name, bin->names[at].name, &is_spelled)) {
            return is_spelled ? bin->names[at].sender : FIELD_FROM_NOBODY;
        }
    }
    return FIELD_FROM_ANYONE;
}

#define BIT(id) (UINT64_C(1) << (id))

enum field_sender field_sender_of(const struct http_field *field)
{
    static const uint64_t trusted = BIT(FIELD_FORWARDED) | BIT(FIELD_X_FORWARDED_FOR) |
                                    BIT(FIELD_X_FORWARDED_PROTO) | BIT(FIELD_X_FORWARDED_HOST) |
                                    BIT(FIELD_X_FORWARDED_PORT) | BIT(FIELD_X_REAL_IP) |
                                    BIT(FIELD_X_REQUEST_ID);
    static const uint64_t nobody =
        BIT(FIELD_CLIENT_CERT) | BIT(FIELD_CLIENT_CERT_CHAIN) | BIT(FIELD_X_FORWARDED_CLIENT_CERT);

    if (field->id == FIELD_OTHER) {
        return field_sender(field->name);
    }
    return (nobody >> field->id & 1) != 0    ? FIELD_FROM_NOBODY
           : (trusted >> field->id & 1) != 0 ? FIELD_FROM_TRUSTED
                                             : FIELD_FROM_ANYONE;
}

bool field_sender_listed(size_t index, struct span *name, enum field_sender *sender)
{
    for (size_t bin = 0; bin < BIN_COUNT; bin++) {
        if (index < bins[bin].count) {
            *name = bins[bin].names[index].name;
            *sender = bins[bin].names[index].sender;
            return true;
        }
        index -= bins[bin].count;
    }
    return false;
}
