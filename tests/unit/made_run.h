/*
 * made_run.h: a run made by hand, as the stages before publish would leave it: for the tests of what comes behind.
 * Every conversation gets an account, a week, a language and a concern; every leaf a name.
 */
#ifndef CLIO_TESTS_MADE_RUN_H
#define CLIO_TESTS_MADE_RUN_H

#include "base/file.h"
#include "base/rng.h"
#include "privacy/publish.h"
#include "privacy/threshold.h"
#include "store/clusters.h"
#include "store/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct made {
    struct run run;
    struct config config;
    struct facet_def facets[4];
    struct stage_context c;
    char path[128];
    int64_t next; /* record number */
    struct error e;
};

enum { MADE_MONDAY = 20451 /* 2025-12-29, days since 1970 */ };

#define MADE(m, call)                                                                                                  \
    do {                                                                                                               \
        if ((call) != ERR_OK) {                                                                                        \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, (m)->e.text);                                \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline void made_open(struct made *m, const char *path)
{
    *m = (struct made){0};
    snprintf(m->path, sizeof m->path, "%s", path);
    file_remove_tree(m->path);
    MADE(m, run_open(m->path, RUN_CREATE, &m->run, &m->e));
    MADE(m, records_reset(&m->run, &m->e));
    static const struct str concern[] = {
        {"benign", 6}, {"slight", 6}, {"moderate", 8}, {"needs review", 12}, {"urgent", 6}};
    m->facets[0] = (struct facet_def){.name = STR("request"), .kind = FACET_TEXT, .cluster = true};
    m->facets[1] = (struct facet_def){.name = STR("language"), .kind = FACET_CATEGORICAL};
    m->facets[2] = (struct facet_def){
        .name = STR("concern"), .kind = FACET_ORDINAL, .min = 1, .max = 5, .labels = concern, .labels_count = 5};
    m->facets[3] = (struct facet_def){.name = STR("turns"), .kind = FACET_COMPUTED};
    m->config = (struct config){.facets = m->facets,
                                .facets_count = 4,
                                .min_accounts = 20,
                                .min_conversations = 20,
                                .min_cell_accounts = 10,
                                .audit_min = 3,
                                .model_fast = STR("script:/home/someone/rules.json"),
                                .model_strong = STR("script:/home/someone/rules.json"),
                                .model_embed = STR("hash:768"),
                                .seed = 1};
    m->c = (struct stage_context){.run = &m->run, .config = &m->config, .stage = "publish"};
}

static inline void made_close(struct made *m)
{
    run_close(&m->run);
}

/* One conversation in `leaf` (-1: in none). week counts from MADE_MONDAY; negative: no time. */
static inline int64_t made_talk(struct made *m, int64_t leaf, const char *account, int week, const char *language,
                                int concern, int turns)
{
    struct conversation c = {.rec = m->next++, .source = STR("made"), .has_time = week >= 0};
    char id[40], text[40];
    snprintf(id, sizeof id, "secret-id-%lld", (long long)c.rec);
    c.id = str_of(id);
    c.line = c.rec + 1;
    c.created_at = (int64_t)(MADE_MONDAY + 7 * week) * 86400 + 3600;
    struct turn turn = {STR("user"), STR("planted words of a private turn")};
    c.turns = &turn;
    c.turns_count = 1;
    MADE(m, records_account(&m->run, str_of(account), &c.account, &m->e));
    MADE(m, records_put(&m->run, &c, &m->e));
    MADE(m, facet_put(&m->run, c.rec, STR("request"), 0, STR("planted summary of one conversation"), 0, &m->e));
    if (language)
        MADE(m, facet_put(&m->run, c.rec, STR("language"), 0, str_of(language), 0, &m->e));
    snprintf(text, sizeof text, "%d", concern);
    MADE(m, facet_put(&m->run, c.rec, STR("concern"), 0, str_of(text), concern, &m->e));
    MADE(m, facet_put(&m->run, c.rec, STR("turns"), 0, (struct str){0}, turns, &m->e));
    if (leaf >= 0)
        MADE(m, members_put(&m->run, STR("request"), c.rec, leaf, &m->e));
    return c.rec;
}

static inline int64_t made_node(struct made *m, int level, size_t index, int64_t parent, const char *name,
                                const char *short_name, int rating)
{
    struct node n = {.id = cluster_id(0, level, index),
                     .facet = STR("request"),
                     .level = level,
                     .parent = parent,
                     .name = str_of(name),
                     .short_name = str_of(short_name),
                     .description =
                         str_of("People asked for help with this. Most of them had a first version already."),
                     .rating = rating,
                     .rating_reason = STR("planted reason of the auditor")};
    MADE(m, clusters_put(&m->run, &n, &m->e));
    return n.id;
}

/* n conversations of n different accounts, in one week and one language. */
static inline void made_group(struct made *m, int64_t leaf, const char *who, int n, int week, const char *language)
{
    for (int i = 0; i < n; i++) {
        char account[40];
        snprintf(account, sizeof account, "%s-%d", who, i);
        made_talk(m, leaf, account, week, language, 1, 2);
    }
}

static inline void made_finish(struct made *m)
{
    MADE(m, threshold_run(&m->c, &m->e));
    MADE(m, publish_run(&m->c, &m->e));
}

#endif
