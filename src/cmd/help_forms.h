/*
 * help_forms.h: the command tables in other forms: the manual page and shell completion.                     Layer:
 * cmd.
 */
#ifndef CLIO_CMD_HELP_FORMS_H
#define CLIO_CMD_HELP_FORMS_H

#include "base/error.h"

#include <stdio.h>

void help_man(FILE *out);
MUST_USE enum err help_completion(FILE *out, const char *shell, struct error *e); /* ERR_USAGE: not bash, zsh or fish */

#endif
