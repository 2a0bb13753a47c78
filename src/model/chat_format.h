/*
 * chat_format.h: how a family of models wants a dialogue written. Which family a model belongs to is seen in its own
 * chat template: the markers are looked for, the template itself (a program in Jinja) is not run.
 *
 * A dialogue is written
 *
 *     system_open SYSTEM system_close  user_open ASK user_close ANSWER answer_close  user_open ASK ...
 *
 * where a family without a system turn (system_open NULL) gets the system text at the head of the first user turn.
 *                                                                                Layer: model, used by local.c.
 */
#ifndef CLIO_MODEL_CHAT_FORMAT_H
#define CLIO_MODEL_CHAT_FORMAT_H

#include "base/str.h"

struct chat_format {
    const char *family;   /* "ChatML" */
    const char *marks[2]; /* all of them stand in the templates of this family; the second may be NULL */
    const char *system_open, *system_close, *user_open, *user_close, *answer_close;
};

/* NULL: a family this program does not know. */
const struct chat_format *chat_format_of(const char *template);

/* "ChatML (Qwen, ...), Llama 3, ...": for messages. */
void chat_format_names(struct buf *out);

#endif
