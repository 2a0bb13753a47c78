/*
 * config.h: what a run is asked to do: one commented JSON file, or the paper's defaults without one.
 * Layer: config, uses base only. The keys, their defaults and their help stand in one table in keys.c; the default
 * facets stand in examples/clio.json, which `clio init` writes. Unknown keys are errors with a suggestion.
 */
#ifndef CLIO_CONFIG_CONFIG_H
#define CLIO_CONFIG_CONFIG_H

#include "base/hash.h"
#include "base/str.h"

enum {
    CONFIG_FACETS_MAX = 32,
    CONFIG_QUESTIONS_MAX = 8, /* asked of a model about one conversation; no more asks fit a request */
    CONFIG_MIN_ACCOUNTS = 20, /* the thresholds below which data must be declared public */
    CONFIG_MIN_CONVERSATIONS = 20,
    CONFIG_MIN_CELL_ACCOUNTS = 10,
    CONFIG_PUBLIC_THRESHOLD = 3, /* both thresholds, once it is */
    CONFIG_AUDIT_MIN = 3,
};

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
    struct str name; /* "request"; lower case, unique */
    enum facet_kind kind;
    enum facet_source source;
    struct str question;      /* what the model is asked about the conversation */
    struct str lead;          /* text facets: what a few words are asked for first; they go in front of the value */
    struct str answer_start;  /* how the answer begins (never stored); may be empty */
    struct str name_form;     /* text facets: the form cluster names take, for example "an imperative sentence" */
    struct str name_start;    /* text facets: how the most general name proposed begins; may be empty */
    const struct str *values; /* categorical by model: the allowed names; may be empty for free ones */
    size_t values_count;
    int64_t min, max;         /* ordinal */
    const struct str *labels; /* ordinal: one word for each of min..max; may be empty */
    size_t labels_count;
    const struct str *answers; /* ordinal: the words a model answers with instead of min..max; may be empty */
    size_t answers_count;
    bool several;   /* categorical: more than one value allowed */
    bool alone;     /* a question of its own after the shared answer, in the same context */
    bool cluster;   /* text: build a tree on it */
    struct str key; /* metadata: the member's name */
};

enum sample_by { SAMPLE_CONVERSATIONS, SAMPLE_COMPLETIONS };

struct config {
    struct arena arena; /* owns every string below */
    struct facet_def *facets;
    size_t facets_count;

    struct str screener; /* a yes/no question; empty: everything goes on */
    struct str filter;   /* a POSIX extended regular expression over the transcript; empty: none */

    struct str model_fast, model_strong,
        model_embed; /* "local:...", "openai:...", "script:...", "encoder:...", "hash:768" */
    bool one_call;   /* all text facets in one JSON answer (true), or one call a facet */

    enum sample_by sample_by;
    uint64_t sample;            /* how many are drawn, 0: all */
    uint64_t transcript_tokens; /* a transcript longer than this is cut in the middle, at turn boundaries */

    uint64_t k;             /* base clusters; 0: by the rule in cluster/choose_k.h */
    uint64_t levels, top;   /* hierarchy; 0: by the rule in hierarchy/plan.h */
    uint64_t neighbourhood; /* clusters considered together when parents are proposed (paper G.7: about 40) */
    uint64_t map_points;    /* rows laid out at most: of more, a seeded sample */
    uint64_t name_members, name_contrast; /* samples shown to the namer (paper G.5: 50 and 50) */

    bool public_data; /* the data is declared public: thresholds 3, points and small cells may be shown */
    bool account_per_conversation;
    /* 0 in the file means the default: 20, 20 and 10, or 3, 3 and 1 with public_data. config_check puts the number in.
     */
    uint64_t min_accounts, min_conversations; /* below the default only with public_data */
    uint64_t min_cell_accounts;               /* a breakdown, week or density cell; likewise */
    uint64_t audit_min;                       /* ratings below are withheld: 3 */

    struct str model_folder; /* local: models are looked for there first; may be empty */
    struct str prices;       /* a price file instead of the program's own; empty: that one */
    double max_failed_share; /* a stage fails above this share of quarantined records: 0.2 */
    uint64_t seed;
    uint64_t threads; /* 0: all processors; no result depends on it */
};

/*
 * The defaults, then the JSON text (empty: nothing), then overrides from the command line are applied by the caller
 * (config_set), then config_check. `name` is the file's, for messages. Errors: ERR_CONFIG saying file, key and what is
 * allowed; `out` is released then. A list of facets in the text replaces the default one.
 */
MUST_USE enum err config_parse(struct str json, const char *name, struct config *out, struct error *e);
MUST_USE enum err config_check(struct config *c,
                               struct error *e); /* ranges, privacy rules, at least one clustered facet */
void config_release(struct config *c);

/* One key other than the facets from text ("k", "models.fast"). `label` is what the user typed, for messages: "--k". */
MUST_USE enum err config_set(struct config *c, const char *key, struct str value, const char *label, struct error *e);

/*
 * Canonical JSON of what decides results (everything but threads): the manifest holds it, and config_parse reads it
 * back as the same configuration. config_hash adds the values of the named top-level keys, comma-separated, to a
 * stage's fingerprint.
 */
void config_write(const struct config *c, struct buf *out);
void config_hash(const struct config *c, const char *keys, struct hasher *h);

const struct facet_def *config_facet(const struct config *c, struct str name); /* NULL: there is none */

/* One line a key (name, default, help), for `clio help config` and the manual; NULL behind the last. */
const char *config_key_help(size_t i, const char **name, const char **fallback);

/* The words the file uses: "ordinal", "langid". */
const char *facet_kind_name(enum facet_kind kind);
const char *facet_source_name(enum facet_source source);

#endif
