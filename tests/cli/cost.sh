# Four ways to ask four facets, and what they cost: bench/cost on a few conversations. One call + batch takes at most 30% of
# one call a facet, with both providers.
set -eu
. tests/cli/assert.inc
bench/cost -n 12 -b "$(dirname "$clio")" >"$out" 2>"$err" || fail "bench/cost ended with status $?"
[ "$(grep -c 'one call + batch' "$out")" = 2 ] || fail "not a table for each provider"
awk '/one call \+ batch/ { share = $NF; sub("%", "", share); share += 0; if (!(share > 5 && share <= 30)) bad = 1 } END { exit bad }' "$out" ||
    fail "one call + batch costs more than 30% of one call a facet"
