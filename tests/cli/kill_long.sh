# kill -9 at fifty random moments: going on gives the same bytes, and no answer is asked for twice.
# label: long
set -eu
. tests/cli/assert.inc
points=50
. tests/cli/kill.inc
