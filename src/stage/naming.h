/*
 * naming.h: one question, asked for base clusters and for their parents: what do these members have in common that the
 * contrast has not? (Clio paper G.5, G.7.) Description first, because a name written after it is better.    Layer:
 * stage.
 */
#ifndef CLIO_STAGE_NAMING_H
#define CLIO_STAGE_NAMING_H

#include "stage/ask.h"
#include "stage/support.h"

struct naming_question {
    const struct str *members; /* one line each; shown in this order as far as the window allows */
    size_t members_count;
    const struct str *contrast; /* near, but not in it; may be empty */
    size_t contrast_count;
    const struct facet_def *facet; /* whose name_form and question are shown */
    bool of_clusters;              /* members are clusters' names, not conversations' summaries */
};

#define NAMING_TEMPERATURE 0.5 /* the paper: 1, for a large model; a small one wanders at that */
enum { NAMES_OTHER = 3, SUBJECTS_ASKED = 4, SHORT_NAME_CHARS_MAX = 32, DESCRIPTION_CHARS_MAX = 300 };

struct naming {
    struct str name;                /* at most ten words */
    struct str description;         /* two sentences */
    struct str short_name;          /* at most 32 characters, for the map */
    struct str others[NAMES_OTHER]; /* names that would do too, the better ones first */
    size_t others_count;
};

/* Fills *out (system and one ask) for ask_each; everything in the arena. */
MUST_USE enum err naming_request(struct stage_context *c, const struct naming_question *q, struct arena *a,
                                 struct request *out, struct error *e);

/* Whether a parsed answer may be kept: lengths, and no private detail (layer 3). */
bool naming_accept(const struct asked *answer, const char **reason);

/* What decides between the names proposed. */
struct naming_judge {
    struct str start;        /* the facet's name_start */
    bool have_leads;         /* the facet's texts begin with one (stage/lead.h) */
    bool any;                /* a name that says little is better than none: a parent has children to show */
    struct support support;  /* the members' texts, or many of them: names in the text have to be in here, and subjects
                                come from here */
    struct mat members;      /* [support.n][d] their unit vectors, as wide as the embedding model */
    struct mat contrast;     /* [any][d] those nearest to the members that are not among them */
    const struct str *taken; /* names that say too little here: a parent must not repeat a child's */
    size_t taken_count;
    struct str fallback; /* when every proposal is taken; may be empty */
};

/*
 * Reads an accepted answer: cleaned, on one line, copied into the arena. Among the names proposed by the model and
 * those made of the members' subjects (stage/subjects.h) the one is taken whose vector lies closest to the members, as
 * against those nearest to them, without being about a single one: a small model likes to name one member, and the
 * vectors know better. Ties go to the earlier name. No usable name: out->name is empty.
 */
MUST_USE enum err naming_read(struct stage_context *c, const struct asked *answer, const struct naming_judge *judge,
                              struct arena *a, struct naming *out, struct error *e);

/* Names that an earlier one of the level has already give way to the next best of their own, as far as they have one.
 */
void naming_tell_apart(struct naming *all, size_t n);

#endif
