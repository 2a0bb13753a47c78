/* Clio: how are people using this AI assistant? The commands stand in cmd/command.c, the stages in pipeline/pipeline.c.
 */
#include "cmd/command.h"

#include <locale.h>
#include <sys/resource.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    /* What is held in memory and what is written may be personal: no core file, and nothing for other users to read. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    umask(077);
    setlocale(LC_CTYPE, "C.UTF-8"); /* regular expressions see characters; numbers and sorting stay as in C */
    return command_main(argc, argv);
}
