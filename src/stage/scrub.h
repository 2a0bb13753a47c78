/*
 * scrub.h: deterministic detectors of private details, run on every text a model wrote (PRIVACY R8). They do not
 * replace the prompts or the auditor: names of people carry no pattern. They catch what has one.             Layer:
 * stage.
 */
#ifndef CLIO_STAGE_SCRUB_H
#define CLIO_STAGE_SCRUB_H

#include "base/str.h"

/* NULL when nothing was found, else which kind, as constant text: "an e-mail address", "a telephone or card number",
 * ... */
const char *scrub_find(struct str text);

#endif
