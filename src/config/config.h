/*
 * config.h: what a run is asked to do: one commented JSON file, or the paper's defaults without one.
 * Layer: config, uses base only. The keys, their defaults and their help stand in one table in config.c; `clio init`
 * writes examples/clio.json. Unknown keys are errors with a suggestion.
 */
#ifndef CLIO_CONFIG_CONFIG_H
#define CLIO_CONFIG_CONFIG_H

#include "base/hash.h"
#include "base/str.h"

enum facet_kind {
    FACET_COMPUTED,    /* counted by the program: "turns", "characters" */
    FACET_CATEGORICAL, /* one (or several) of a set of names */
    FACET_ORDINAL,     /* a whole number min..max */
    FACET_TEXT,        /* one or two sentences by the model */
    FACET_METADATA,    /* a metadata value the input carries; only because the config names its key */
};

enum facet_source {
    FROM_TRANSCRIPT, /* computed */
    FROM_MODEL,      /* asked */
    FROM_LANGID,     /* lid.176 first, the model's word only where that is unsure */
    FROM_METADATA,
};

struct facet_def {
    struct str        name;         /* "request"; lower case, unique */
    enum facet_kind   kind;
    enum facet_source source;
    struct str        question;     /* what the model is asked about the conversation */
    struct str        answer_start; /* how the answer begins (never stored); may be empty */
    struct str        name_form;    /* text facets: the form cluster names take, for example "an imperative sentence" */
    const struct str *values;       /* categorical by model: the allowed names; may be empty for free ones */
    size_t            values_count;
    int64_t           min, max;     /* ordinal */
    const struct str *labels;       /* ordinal: one word for each of min..max; may be empty */
    size_t            labels_count;
    bool              several;      /* categorical: more than one value allowed */
    bool              alone;        /* a question of its own after the shared answer, in the same context */
    bool              cluster;      /* text: build a tree on it */
    struct str        key;          /* metadata: the member's name */
};

enum sample_by { SAMPLE_CONVERSATIONS, SAMPLE_COMPLETIONS };

struct config {
    struct arena      arena; /* owns every string below */
    struct facet_def *facets;
    size_t            facets_count;

    struct str screener; /* a yes/no question; empty: everything goes on */
    struct str filter;   /* a POSIX extended regular expression over the transcript; empty: none */

    struct str model_fast, model_strong, model_embed; /* "local:...", "openai:...", "script:...", "encoder:...", "hash:768" */
    bool       one_call;                              /* all text facets in one JSON answer (true), or one call a facet */

    enum sample_by sample_by;
    uint64_t       sample;            /* how many are drawn, 0: all */
    uint64_t       transcript_tokens; /* a transcript longer than this is cut in the middle, at turn boundaries */

    uint64_t k;                  /* base clusters; 0: by the rule in cluster/choose_k.h */
    uint64_t levels, top;        /* hierarchy; 0: by the rule in hierarchy/plan.h */
    uint64_t neighbourhood;      /* clusters considered together when parents are proposed (paper G.7: about 40) */
    uint64_t name_members, name_contrast; /* samples shown to the namer (paper G.5: 50 and 50) */

    bool     public_data;           /* the data is declared public: thresholds 3, points and small cells may be shown */
    bool     account_per_conversation;
    uint64_t min_accounts, min_conversations; /* default 20 and 20; below only with public_data */
    uint64_t min_cell_accounts;               /* default 10: a breakdown, week or density cell */
    uint64_t audit_min;                       /* ratings below are withheld: 3 */

    double   max_failed_share; /* a stage fails above this share of quarantined records: 0.2 */
    uint64_t seed;
    uint64_t threads; /* 0: all processors; no result depends on it */
};

/* The defaults, then the JSON text (empty: nothing), then overrides from the command line are applied by the caller, then config_check. */
MUST_USE enum err config_parse(struct str json, const char *name, struct config *out, struct error *e);
MUST_USE enum err config_check(struct config *c, struct error *e); /* ranges, privacy rules, at least one clustered facet */
void              config_release(struct config *c);

/*
 * Canonical JSON of what decides results (everything but threads): the manifest holds it. config_hash adds the values
 * of the named top-level keys, comma-separated, to a stage's fingerprint.
 */
void config_write(const struct config *c, struct buf *out);
void config_hash(const struct config *c, const char *keys, struct hasher *h);

const struct facet_def *config_facet(const struct config *c, struct str name); /* NULL: there is none */

/* One line a key (name, default, help), for `clio help config` and the manual; NULL behind the last. */
const char *config_key_help(size_t i, const char **name, const char **fallback);

#endif
