# kill -9 at two hundred random moments of a run that asks a server: the same bytes, and hardly anything is paid twice.
# label: long
set -eu
. tests/cli/assert.inc
. tests/cli/mock.inc
points=200
. tests/cli/kill_server.inc
