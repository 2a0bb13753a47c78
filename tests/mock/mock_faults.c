#include "mock.h"

#define ERROR_OF(type, code, message)                                                                                  \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"code\":\"" code "\",\"message\":\"" message "\"}}"
#define BUSY       ERROR_OF("rate_limit_error", "rate_limit_exceeded", "too many requests")
#define OVERLOADED ERROR_OF("overloaded_error", "overloaded", "try again later")

static const struct mock_fault mock_faults[] = {
    {"429-retry-after", .status = 429, .headers = "Retry-After: 1\r\n", .body = BUSY},
    {"429", .status = 429, .body = BUSY},
    {"429-spend-limit", .status = 429, .body = ERROR_OF("insufficient_quota", "insufficient_quota", "spend limit")},
    {"500", .status = 500, .body = ERROR_OF("api_error", "", "internal")},
    {"502", .status = 502, .type = "text/html", .body = "<html>bad gateway</html>"},
    {"503", .status = 503, .body = OVERLOADED},
    {"529", .status = 529, .body = OVERLOADED},
    {"timeout", .end = END_NEVER},
    {"timeout-in-body", .end = END_EARLY},
    {"reset", .end = END_RESET},
    {"drip", .end = END_DRIP},
    {"error-in-band", .say = SAY_ERROR},
    {"truncated", .end = END_TRUNCATED},
    {"other-shape", .say = SAY_OTHER_SHAPE},
    {"empty", .say = SAY_NOTHING},
    {"refusal", .say = SAY_REFUSAL},
    {"max-tokens", .say = SAY_HALF},
    {"foreign", .say = SAY_FOREIGN},
    {"10mb", .padding = 10 << 20},
    {"redirect", .status = 307, .headers = "Location: http://127.0.0.1:9/elsewhere\r\n", .body = ""},
    {"content-type", .type = "text/html", .body = "<html><body>Please sign in to the network.</body></html>"},
    {"401", .status = 401, .body = ERROR_OF("authentication_error", "invalid_api_key", "wrong key")},
    {"404", .status = 404, .body = ERROR_OF("not_found_error", "model_not_found", "no such model")},
    {"too-long", .status = 400, .body = ERROR_OF("invalid_request_error", "context_length_exceeded", "too long")},
};

enum { FAULTS = sizeof mock_faults / sizeof *mock_faults };

const struct mock_fault *mock_fault_at(size_t i)
{
    return i < FAULTS ? &mock_faults[i] : NULL;
}

const struct mock_fault *mock_fault_find(struct str name)
{
    for (size_t i = 0; i < FAULTS; i++)
        if (str_eqz(name, mock_faults[i].name))
            return &mock_faults[i];
    return NULL;
}
