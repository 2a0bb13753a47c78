/* Clio: how are people using this AI assistant? The commands stand in cmd/command.c, the stages in pipeline/pipeline.c.
 */
#include "cmd/command.h"

#include <locale.h>

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* regular expressions see characters; numbers and sorting stay as in C */
    return command_main(argc, argv);
}
