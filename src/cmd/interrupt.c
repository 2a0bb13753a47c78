#include "cmd/interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static atomic_bool stop_asked, only_waiting;

static void on_signal(int number)
{
    static const char asked[] =
        "\nclio: stopping; what is in flight is finished and kept (Ctrl-C again: stop at once)\n";
    if (atomic_exchange(&stop_asked, true))
        _exit(130);
    if (number == SIGINT && !atomic_load(&only_waiting) && write(STDERR_FILENO, asked, sizeof asked - 1) < 0)
        return; /* nobody is there to read it */
}

const atomic_bool *interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_asked;
}

void interrupt_wait(void)
{
    atomic_store(&only_waiting, true);
    /* A short sleep and a look, not pause(): a signal between the look and the pause would be slept through. */
    while (!atomic_load(&stop_asked))
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}
