# clio init and clio facets; what a wrong configuration says.
set -eu
. tests/cli/assert.inc

expect 0 init "$scratch/clio.json"
silent
tells 'next: clio run'
cmp "$scratch/clio.json" examples/clio.json
echo mine >"$scratch/clio.json"
expect 1 init "$scratch/clio.json"
tells 'exists already'
tells 'hint: clio init --force'
[ "$(cat "$scratch/clio.json")" = mine ] || fail "init wrote over a file"
expect 0 init --force "$scratch/clio.json"
cmp "$scratch/clio.json" examples/clio.json
expect 0 init -
cmp "$out" examples/clio.json

expect 0 facets
cp "$out" "$scratch/facets"
for facet in request task language concern turns characters; do
    says "$facet ("
done
expect 0 facets --config "$scratch/clio.json"
cmp "$out" "$scratch/facets"
expect 0 facets --json
says '"name":"request"'

# refuse TEXT JSON: the configuration is refused, with this text.
refuse() {
    printf '%s\n' "$2" >"$scratch/bad.json"
    expect 3 facets --config "$scratch/bad.json"
    tells "$1"
    silent
}
refuse 'did you mean "seed"?' '{"sede": 1}'
refuse 'did you mean "text"?' '{"facets": [{"name": "a", "kind": "txt"}]}'
refuse 'bad.json:1:' '{"k" 1}'
refuse 'min_accounts is 3; below 20 is only for data that is public' '{"min_accounts": 3}'
refuse 'must hold one JSON object' '[]'
refuse 'whole number from 0' '{"k": -1}'
printf '' >"$scratch/bad.json"
expect 0 facets --config "$scratch/bad.json"
cmp "$out" "$scratch/facets"
expect 3 facets --config "$scratch/missing.json"
tells 'hint: clio init'
expect 3 facets --config "$scratch"
expect 3 run examples/tiny.jsonl --run "$scratch/r" --k 99999999
tells '--k must be a whole number from 0 to 1000000'
[ ! -e "$scratch/r" ] || fail "a refused configuration left a run behind"
