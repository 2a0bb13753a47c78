#include "stage/subjects.h"

#include "base/text.h"
#include "num/dist.h"
#include "stage/lead.h"

#include <stdlib.h>
#include <string.h>

enum { LEADS_MAX = 24, LEAD_CHARS = 36, LEAD_WORDS = 4 };

struct lead {
    struct str text, folded;
    size_t count, first; /* how many members begin with it, and which was the first */
};

struct search {
    const struct support *support;
    bool public_data;
    struct lead leads[LEADS_MAX];
    size_t n;
    float *likeness; /* [n][members] */
    size_t members;
    size_t *account; /* [members] accounts numbered from 0 */
    size_t *seen;    /* [accounts] stamps */
    size_t accounts, stamp;
};

/* A set of leads, how close the members are to it, and how many members each lead is the closest to. */
struct set {
    size_t at[SUBJECTS_MAX], n;
    size_t nearest[SUBJECTS_MAX];
    float closeness;
};

static bool starts_small(struct str s)
{
    return s.n && s.at[0] >= 'a' && s.at[0] <= 'z';
}

/* "Travel" becomes "travel" where others write it small, "Python" stays. */
static struct str uncapitalised(const struct common_words *common, struct str lead, struct arena *a)
{
    struct str rest = lead, word = str_cut(&rest, ' ');
    bool inner_capital = false;
    for (size_t i = 1; i < word.n; i++)
        inner_capital |= word.at[i] >= 'A' && word.at[i] <= 'Z';
    if (inner_capital || starts_small(lead) || !common_words_have(common, word))
        return lead;
    char *z = str_dupz(a, lead);
    if (z[0] >= 'A' && z[0] <= 'Z')
        z[0] = (char)(z[0] - 'A' + 'a');
    return (struct str){z, lead.n};
}

/*
 * A short phrase without punctuation that would break a list. Its words may be one person's, though they look like no
 * name: unless the data is public, each has to stand in the texts of enough accounts.
 */
static bool may_stand_in_a_list(const struct search *x, struct str lead)
{
    enum { SHORT_WORD = 3 };
    size_t words = 0;
    if (lead.n == 0 || text_chars(lead) > LEAD_CHARS || !support_has(x->support, lead, false))
        return false;
    for (size_t i = 0; i < lead.n; i++)
        if (strchr(",;:.!?()\"", lead.at[i]))
            return false;
    for (struct str word, rest = lead; (word = support_word(&rest)).n; words++)
        if (!x->public_data && word.n > SHORT_WORD && !support_has_word(x->support, word))
            return false;
    return words <= LEAD_WORDS;
}

static int most_frequent_first(const void *x, const void *y)
{
    const struct lead *a = x, *b = y;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return (a->first > b->first) - (a->first < b->first);
}

struct pool {
    struct lead *at;
    size_t n;
};

/* One more member, or the model, says it. */
static void add_lead(struct pool *p, struct str lead, struct arena *a)
{
    struct str folded = text_fold(a, lead);
    size_t k = 0;
    while (k < p->n && !str_eq(p->at[k].folded, folded))
        k++;
    if (k == p->n)
        p->at[p->n++] = (struct lead){.text = lead, .folded = folded, .first = k};
    p->at[k].count++;
}

/* The most frequent leads, and what the model says: it may have found the word for all. */
static void collect_leads(struct search *x, const struct about *about, struct arena *a)
{
    const struct support *s = x->support;
    struct pool p = {.at = arena_new(a, s->n + about->more_count, sizeof *p.at)};
    for (size_t i = 0; i < s->n && about->have_leads; i++) {
        struct str rest;
        add_lead(&p, str_trim(lead_of(s->texts[i], &rest)), a);
    }
    qsort(p.at, p.n, sizeof *p.at, most_frequent_first);
    size_t more = about->more_count < LEADS_MAX / 2 ? about->more_count : LEADS_MAX / 2, most = LEADS_MAX - more;
    p.n = p.n < most ? p.n : most;
    for (size_t i = 0; i < more; i++)
        add_lead(&p, str_trim(about->more[i]), a);
    for (size_t i = 0; i < p.n; i++) {
        struct lead lead = p.at[i];
        lead.text = uncapitalised(s->common, lead.text, a);
        if (may_stand_in_a_list(x, lead.text))
            x->leads[x->n++] = lead;
    }
}

static enum err compare(struct search *x, struct stage_context *c, struct mat members, struct arena *a, struct error *e)
{
    struct model *m;
    enum err result = stage_model(c, ROLE_EMBED, &m, e);
    if (result != ERR_OK)
        return result;
    struct str texts[LEADS_MAX];
    struct usage ignored = {0};
    for (size_t i = 0; i < x->n; i++)
        texts[i] = x->leads[i].text;
    struct mat vectors = {arena_new(a, x->n * m->info.width, sizeof(float)), x->n, m->info.width};
    x->members = members.n;
    x->likeness = arena_new(a, x->n * members.n, sizeof *x->likeness);
    result = m->ops->embed(m->ctx, texts, x->n, vectors, &ignored, e);
    for (size_t i = 0; i < x->n && result == ERR_OK; i++)
        for (size_t k = 0; k < members.n; k++)
            x->likeness[i * members.n + k] = dist_dot(mat_row(vectors, i), mat_row(members, k), members.d);
    return result;
}

static void number_accounts(struct search *x, struct arena *a)
{
    const struct support *s = x->support;
    size_t *first = arena_new(a, s->n, sizeof *first);
    x->account = arena_new(a, s->n, sizeof *x->account);
    for (size_t i = 0; i < s->n; i++) {
        size_t k = 0;
        while (k < x->accounts && s->accounts[first[k]] != s->accounts[i])
            k++;
        if (k == x->accounts)
            first[x->accounts++] = i;
        x->account[i] = k;
    }
    x->seen = arena_zero(a, x->accounts, sizeof *x->seen);
}

static size_t closest_in(const struct search *x, const struct set *set, size_t member)
{
    size_t best = 0;
    for (size_t j = 1; j < set->n; j++)
        if (x->likeness[set->at[j] * x->members + member] > x->likeness[set->at[best] * x->members + member])
            best = j;
    return best;
}

/* Every lead of the set has to be the closest for enough accounts. Fills nearest. */
static bool each_stands_for_enough(struct search *x, struct set *set)
{
    for (size_t j = 0; j < set->n; j++) {
        size_t accounts = 0;
        x->stamp++;
        set->nearest[j] = 0;
        for (size_t i = 0; i < x->members; i++) {
            if (closest_in(x, set, i) != j)
                continue;
            set->nearest[j]++;
            accounts += x->seen[x->account[i]] != x->stamp;
            x->seen[x->account[i]] = x->stamp;
        }
        if (accounts < x->support->k)
            return false;
    }
    return true;
}

static void consider(struct search *x, struct set *tried, struct set *best)
{
    tried->closeness = 0;
    for (size_t i = 0; i < x->members; i++)
        tried->closeness += x->likeness[tried->at[closest_in(x, tried, i)] * x->members + i];
    if ((best->n == 0 || tried->closeness > best->closeness) && each_stands_for_enough(x, tried))
        *best = *tried;
}

/* All sets of `size` leads, in order. */
static struct set best_set(struct search *x, size_t size)
{
    struct set tried = {.n = size}, best = {0};
    if (size > x->n)
        return best;
    for (size_t j = 0; j < size; j++)
        tried.at[j] = j;
    for (;;) {
        consider(x, &tried, &best);
        size_t j = size;
        while (j > 0 && tried.at[j - 1] == x->n - size + j - 1)
            j--;
        if (j == 0)
            return best;
        for (tried.at[j - 1]++; j < size; j++)
            tried.at[j] = tried.at[j - 1] + 1;
    }
}

static bool has_and(struct str s)
{
    return str_find(s, STR(" and ")) != SIZE_MAX;
}

/* Those that stand for most come first; one that is "this and that" itself comes last, and takes the list's "and". */
static bool comes_before(const struct search *x, const struct set *set, size_t i, size_t j)
{
    bool a = has_and(x->leads[set->at[i]].text), b = has_and(x->leads[set->at[j]].text);
    if (a != b)
        return b;
    return set->nearest[i] != set->nearest[j] ? set->nearest[i] > set->nearest[j] : i < j;
}

static struct str joined(const struct search *x, const struct set *set, struct arena *a)
{
    size_t order[SUBJECTS_MAX], n = 0;
    for (size_t i = 0; i < set->n; i++) {
        size_t at = n++;
        for (; at > 0 && comes_before(x, set, i, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    struct buf b = {0};
    bool ended = has_and(x->leads[set->at[order[n - 1]]].text);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_addz(&b, i + 1 == n && !ended ? " and " : ", ");
        buf_add(&b, x->leads[set->at[order[i]]].text);
    }
    struct str out = str_dup(a, buf_str(&b));
    buf_release(&b);
    return out;
}

enum err subjects_of(struct stage_context *c, const struct about *about, struct arena *a, struct str out[SUBJECTS_MAX],
                     size_t *n, struct error *e)
{
    struct search x = {.support = &about->support, .public_data = c->config->public_data};
    *n = 0;
    collect_leads(&x, about, a);
    if (x.n == 0)
        return ERR_OK;
    enum err result = compare(&x, c, about->members, a, e);
    number_accounts(&x, a);
    for (size_t size = 1; size <= SUBJECTS_MAX && result == ERR_OK; size++) {
        struct set best = best_set(&x, size);
        if (best.n)
            out[(*n)++] = joined(&x, &best, a);
    }
    return result;
}
