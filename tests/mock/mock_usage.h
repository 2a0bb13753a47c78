/*
 * mock_usage.h: the tokens a provider would bill, prompt caches included: OpenAI remembers every prompt's beginning
 * from 1,024 tokens on, in steps of 128; Anthropic what stands before a cache_control mark, from 1,024 tokens on.
 */
#ifndef CLIO_TEST_MOCK_USAGE_H
#define CLIO_TEST_MOCK_USAGE_H

#include "mock.h"
#include "mock_seen.h"

struct mock_usage {
    uint64_t in, out; /* all that was read, the cached part too */
    uint64_t cached;  /* read from the cache */
    uint64_t created; /* written to it; Anthropic only */
};

/* memory: beginnings that were seen; NULL: no cache. */
struct mock_usage mock_usage_openai(struct mock_memory *memory, yyjson_val *request, struct str answer);
struct mock_usage mock_usage_anthropic(struct mock_memory *memory, yyjson_val *request, struct str answer);

#endif
