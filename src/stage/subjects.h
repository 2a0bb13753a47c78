/*
 * subjects.h: what a group is about, counted and not written by a model. A small model asked to name a mixed group
 * quotes one member; the leads of the members (stage/lead.h) say in their own words which fields there are, and
 * vectors say which of them stand for the most.                                                         Layer: stage.
 */
#ifndef CLIO_STAGE_SUBJECTS_H
#define CLIO_STAGE_SUBJECTS_H

#include "stage/stage.h"
#include "stage/support.h"

enum { SUBJECTS_MAX = 3 };

struct about {
    struct support support; /* with accounts: the members' texts */
    struct mat members;     /* [support.n][d] their unit vectors */
    bool have_leads;        /* the facet's texts begin with one */
    const struct str
        *more; /* further phrases that may say it, by the model that names the group; at most 12 are looked at */
    size_t more_count;
};

/*
 * out[i] joins the i + 1 leads, or further phrases, that together lie closest to all members: "history, writing and
 * literature". In a set of several each is the closest for members of at least support.k accounts. What looks like a
 * name in them has the support any name needs; unless the data is declared public, so does every other word of four
 * letters or more, because a lead is one person's words. Fewer where there are not so many such phrases.
 *
 * Cost: one embedding of at most 24 short texts, and 2,300 sets looked at.
 */
MUST_USE enum err subjects_of(struct stage_context *c, const struct about *about, struct arena *a,
                              struct str out[SUBJECTS_MAX], size_t *n, struct error *e);

#endif
