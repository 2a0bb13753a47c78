# kill -9 at a few random moments of a run that asks a server: the same bytes, and hardly anything is paid twice.
set -eu
. tests/cli/assert.inc
. tests/cli/mock.inc
points=8
. tests/cli/kill_server.inc
