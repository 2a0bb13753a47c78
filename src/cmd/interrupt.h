/*
 * interrupt.h: Ctrl-C. The first one asks to stop: what is being answered is finished and kept. The second one ends the
 * program at once, which loses nothing that was durable. SIGTERM counts as the first.                       Layer: cmd.
 */
#ifndef CLIO_CMD_INTERRUPT_H
#define CLIO_CMD_INTERRUPT_H

#include <stdatomic.h>

/* Installs the handlers; the flag becomes true at the first signal. The signal flags are the only mutable globals of
 * the program. */
const atomic_bool *interrupt_install(void);

/* Sleeps until the first signal; nothing is in flight then. */
void interrupt_wait(void);

#endif
