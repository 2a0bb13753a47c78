/*
 * languages.h: names of human languages. Answers are held to this table; what is not in it is no language.
 * Codes are those of lid.176 (ISO 639-1 where there is one), names are English.                     Layer: facets.
 */
#ifndef CLIO_FACETS_LANGUAGES_H
#define CLIO_FACETS_LANGUAGES_H

#include "base/str.h"

struct str language_by_code(const char *code); /* "pt" -> "Portuguese"; empty: unknown */
struct str
language_by_name(struct str spoken); /* "portuguese", "Mandarin", "pt-BR" -> the table's name; empty: unknown */

#endif
