# Planted private details, one kind for each layer of protection. None may be published, logged or printed, although the
# scripted model of this test says whatever it is told to: only the program stands between the plants and the tree.
set -eu
. tests/cli/assert.inc
run=$scratch/run
input=$scratch/planted.jsonl

# plant COUNT ACCOUNT TEXT: so many conversations that order the model to answer TEXT; # stands for the number.
plant() {
    awk -v n="$1" -v account="$2" -v text="$3" 'BEGIN {
        for (i = 1; i <= n; i++) {
            who = account; what = text
            gsub(/#/, i, who); gsub(/#/, i, what)
            printf "{\"id\": \"ID-%s-%d\", \"account\": \"%s\", \"created_at\": \"2026-02-%02dT12:00:00Z\", ", who, i, who, 1 + i % 28
            printf "\"messages\": [{\"role\": \"user\", \"content\": \"ORDER: %s\"}, {\"role\": \"assistant\", \"content\": \"Done.\"}], ", what
            printf "\"metadata\": {\"note\": \"KANARMETA\"}}\n"
        }
    }'
}
{
    awk -v n=400 -v seed=5 -f tests/tools/generate.awk
    # Layer 1, facets: what has the form of a private detail is not taken, however often the model repeats it.
    plant 8 'mail-#' 'write to kanarina.mail#@example.org about the invoice'
    plant 8 'phone-#' 'call the plumber at +49 170 5550 13# today'
    # Layer 2, thresholds: a group of one person is not a group.
    plant 30 'loner' 'sort the stamp albums of Kanarloner in Kanardorf'
    # Layer 4, audit: a name in every summary of a group that is large enough.
    plant 40 'crowd-#' 'write a birthday poem for Kanarfamous the singer'
} >"$input"
total=$(grep -c . "$input")

cat >"$scratch/rules.json" <<'RULES'
{
  "rules": [
    {"ask": "circle", "regex": "Kanarfamous|kanarfamous", "answer": "person"},
    {"ask": "circle", "answer": "many"},
    {"ask": "concern", "answer": "harmless"}
  ],
  "obedient": "ORDER:"
}
RULES
cat >"$scratch/clio.json" <<'CONFIG'
{"models": {"fast": "script:rules.json", "strong": "script:rules.json", "embed": "hash:768"}, "k": 12}
CONFIG

# clean FILE...: none of the plants stands there.
clean() {
    for file; do
        [ -s "$file" ] || continue
        if grep -aiq -e kanar -e '5550 13' -e crowd- -e loner -e ID-made -e account- "$file"; then
            fail "a planted detail got out: $file: $(grep -aioE -e '.{20}(kanar|5550 13|crowd-|loner|ID-made|account-).{20}' "$file" | head -n 3)"
        fi
    done
}

expect 4 run "$input" --run "$run" --config "$scratch/clio.json" --progress line
clean "$out" "$err" "$run/events.jsonl" "$run/manifest.json" "$run"/published/*

# Each plant got as far as its layer, and no further.
expect 0 quarantine "$run" --json --stage facets
clean "$out"
[ "$(grep -c 'holds private details' "$out")" = 16 ] || fail "not sixteen answers with private details"
grep -aq Kanarloner "$run/private/run.db" || fail "the loner is not in the run"
expect 0 export clusters --run "$run" --format csv
clean "$out"
[ "$(grep -c . "$out")" -ge 5 ] || fail "hardly anything was published"
expect 0 export clusters --run "$run" --format json
clean "$out"
expect 0 tree "$run"
clean "$out" "$err"
says 'withheld by the audit'
if grep -q ' 0 withheld by the audit' "$out"; then fail "the auditor withheld nothing"; fi
expect 0 status "$run" --json
clean "$out"
says "\"imported\":$total"

# What is private is closed to others, whatever the caller's umask.
closed() {
    [ "$(stat -c %a "$1")" = "$2" ] || fail "$1 has mode $(stat -c %a "$1"), not $2"
}
closed "$run" 700
closed "$run/private" 700
for file in "$run"/private/*; do closed "$file" 600; done
(umask 0 && "$clio" run "$input" --run "$scratch/open" --config "$scratch/clio.json" --quiet --limit 60) >"$out" 2>"$err" || :
closed "$scratch/open/private" 700
for file in "$scratch"/open/private/*; do closed "$file" 600; done

# A run that fails says nothing either.
cat >"$scratch/rules.json" <<'RULES'
{"faults": {"garbage": 1}, "obedient": "ORDER:"}
RULES
expect 1 run "$input" --run "$scratch/failing" --config "$scratch/clio.json" --progress line
clean "$out" "$err" "$scratch/failing/events.jsonl" "$scratch/failing/manifest.json"
