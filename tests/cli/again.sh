# What runs again and what is kept: other settings and back, edited rules and prompts, files that are not named, --fresh.
set -eu
. tests/cli/assert.inc
input=$scratch/made.jsonl other=$scratch/other.jsonl
awk -v n=160 -f tests/tools/generate.awk >"$input"
sed -n '1,120p' "$input" >"$other"
cp examples/scripted.json examples/scripted.rules.json "$scratch"
config="--config $scratch/scripted.json --quiet"
settings="$config --public --account-per-conversation"
mkdir "$scratch/words"

# kept N: the last run kept N stages, in the run and by its plan. ARGUMENT...: of the plan, asked before.
plan() {
    expect 0 run --dry-run "$@"
    planned=$(grep -c ': done' "$out" || :)
}
kept() {
    stages=$(awk '/"run_start"/ { n = 0 } /"stage_kept"/ { n++ } END { print n + 0 }' "$run/events.jsonl")
    [ "$stages" = "$1" ] || fail "$stages stages were kept instead of $1"
    [ "$planned" = "$1" ] || fail "the plan was to keep $planned stages instead of $1"
}
# again N ARGUMENT...: the plan and the run, both keep N stages.
again() {
    wanted_kept=$1
    shift
    plan --run "$run" "$@"
    expect 0 run --run "$run" --quiet "$@"
    kept "$wanted_kept"
}

# A, then B as far as one stage, then A again: the same bytes, whichever stage it was. Published anew, because what was
# published at first says nothing about what is behind it now.
run=$scratch/a
expect 0 run "$input" --run "$run" $settings
sed 's/"models"/"min_cell_accounts": 2, &/' "$scratch/scripted.json" >"$scratch/cells.json"
anew="--config $scratch/cells.json --public --account-per-conversation --quiet"
cp -R "$run" "$scratch/anew"
expect 0 run --run "$scratch/anew" $anew
same_as_a() {
    diff -r "$run/published" "$scratch/aba/published" >"$out" || fail "something is left behind of $1"
    expect 0 run --run "$scratch/aba" $anew
    [ "$(awk '/"run_start"/ { n = 0 } /"stage_kept"/ { n++ } END { print n + 0 }' "$scratch/aba/events.jsonl")" = 10 ] ||
        fail "more than publish ran"
    diff -r "$scratch/anew/published" "$scratch/aba/published" >"$out" || fail "something is left behind of $1, unseen"
}
for stage in import screen facets embed cluster threshold label hierarchy audit project publish; do
    rm -rf "$scratch/aba"
    cp -R "$run" "$scratch/aba"
    expect 0 run "$other" --run "$scratch/aba" $settings --seed 2 --k 5 --until $stage
    expect 0 run "$input" --run "$scratch/aba" $settings
    same_as_a "B as far as $stage"
done
# The same where B shares the first stages with A.
for stage in cluster threshold label hierarchy audit project publish; do
    rm -rf "$scratch/aba"
    cp -R "$run" "$scratch/aba"
    expect 0 run --run "$scratch/aba" --quiet --k 5 --until $stage
    expect 0 status "$scratch/aba" --json
    says "\"stage\":\"$stage\",\"done\":true"
    [ $stage = publish ] || says '"stage":"publish","done":false'
    expect 0 run --run "$scratch/aba" $settings
    same_as_a "another k as far as $stage"
done

# Nothing changed; other rules for the model in the same file; a file that is gone changes nothing.
again 11
sed 's|"rules": \[|"rules": [ |' "$scratch/scripted.rules.json" >"$scratch/rules.new"
cmp -s "$scratch/rules.new" "$scratch/scripted.rules.json" && fail "the rules were to be edited"
mv "$scratch/rules.new" "$scratch/scripted.rules.json"
again 1
mv "$scratch/scripted.rules.json" "$scratch/rules.away"
again 11
mv "$scratch/rules.away" "$scratch/scripted.rules.json"
again 11

# One prompt, one stage and what is behind it; the folder is remembered, and has to be there.
for file in audit.user.txt:8 parent.user.txt:7 name.user.txt:6 facets.alone.txt:2; do
    name=${file%:*}
    { cat "prompts/$name"; echo Please.; } >"$scratch/words/$name"
    again ${file#*:} --prompts "$scratch/words"
    again 11
done
(cd "$scratch" && "$clio" run --run a --quiet --prompts words) >"$out" 2>"$err" || fail "a relative folder"
again 11
{ echo '## a comment'; cat "$scratch/words/audit.user.txt"; } >"$scratch/words.new"
mv "$scratch/words.new" "$scratch/words/audit.user.txt"
again 11
mv "$scratch/words" "$scratch/words.away"
expect 3 run --run "$run" --quiet
tells "$scratch/words"
expect 3 run --run "$run" --dry-run
expect 3 run "$input" --run "$scratch/none" $settings --prompts "$scratch/words"
[ ! -e "$scratch/none" ] || fail "a folder that is not there left a run behind"
again 2 --prompts=
mv "$scratch/words.away" "$scratch/words"
again 11

# How the files were read is changed with the files only. A refusal changes nothing.
cp "$run/manifest.json" "$scratch/manifest"
printf '{"models": {"fast": "script:", "strong": "script:", "embed": "hash:768"}, "public_data": true}' >"$scratch/plain.json"
refuses() {
    key=$1
    shift
    expect 2 run --run "$run" --quiet "$@"
    tells "$key is not what the files were read with: name the files again"
    expect 2 run --run "$run" --dry-run "$@"
    cmp "$run/manifest.json" "$scratch/manifest" || fail "a refused $key was noted"
}
refuses sample --sample 20
refuses filter --filter Python
refuses limit --limit 3
refuses account_per_conversation --config "$scratch/plain.json"
sed 's/"public_data"/"account_per_conversation": true, "sample_by": "completions", &/' "$scratch/plain.json" >"$scratch/by.json"
refuses sample_by --config "$scratch/by.json"
plan "$input" --run "$run" --sample 20
[ "$planned" = 0 ] || fail "a sample is a plan for every stage"
plan "$input" --run "$run"
[ "$planned" = 11 ] || fail "the same files are no plan for any stage"
says 'done, if the files are the same'
expect 0 run "$input" --run "$run" --quiet --sample 20
expect 0 status "$run" --json
says '"imported":20'
cp "$run/manifest.json" "$scratch/manifest"
refuses seed --seed 2
expect 0 run "$input" --run "$scratch/limited" $settings --limit 30 --until import
expect 0 run --run "$scratch/limited" --quiet --until screen

# Reading that came to no end: the files are to be named again, and nothing that is there is touched.
printf 'nothing\nhere\n' >"$scratch/bad.jsonl"
expect 7 run "$scratch/bad.jsonl" --run "$run" --quiet
expect 2 run --run "$run" --quiet
tells 'name the files again'
expect 2 run --run "$run" --quiet --sample 0
expect 0 status "$run"
says "next: clio run FILE... --run $run goes on"
expect 0 run "$input" --run "$run" --quiet --sample 0

# Stopped while files are read: the hint names them.
run=$scratch/'a run'
awk -v n=20000 -f tests/tools/generate.awk >"$scratch/large file.jsonl"
for verb in import run; do
    "$clio" $verb "$scratch/large file.jsonl" --limit 19999 --run "$run" $settings >"$out" 2>"$err" </dev/null &
    pid=$! tries=0
    until grep -q '"stage":"import"' "$run/events.jsonl" 2>/dev/null || [ $tries -ge 2000 ]; do
        tries=$((tries + 1))
    done
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ $status = 130 ] || fail "Ctrl-C while files are read gave status $status"
    tells "hint: clio $verb '$scratch/large file.jsonl' --limit 19999 --run '$run' goes on from here"
    expect 2 run --run "$run" --quiet
    tells 'name the files again'
    rm -rf "$run"
done

# --fresh takes away what the program made and nothing else; never what it is to read.
run=$scratch/fresh
expect 0 run "$input" --run "$run" $settings
cp "$input" "$run/mine.jsonl"
mkdir "$run/private/in" "$run/words"
cp "$input" "$run/private/in/mine.jsonl"
cp "$input" "$run/published/mine.jsonl"
ln -s "$input" "$run/private/link.jsonl"
ln -s "$run/private/in/mine.jsonl" "$scratch/link.jsonl"
for file in "$run/private/in/mine.jsonl" "$run/published/mine.jsonl" "$run/private/link.jsonl" "$scratch/link.jsonl" \
    "$run/words/../private/./in/mine.jsonl" "$run/manifest.json"; do
    expect 2 run "$input" "$file" --run "$run" $settings --fresh
    tells '--fresh removes'
done
expect 2 run "$input" --run "$run" $settings --fresh --prompts "$run/private/in"
expect 7 run "$input" "$scratch/missing.jsonl" --run "$run" $settings --fresh
expect 7 run "$input" "$run/words" --run "$run" $settings --fresh
expect 3 run "$input" --run "$run" $settings --fresh --config "$scratch/none.json"
expect 0 status "$run" --json
says '"complete":true'
cmp "$input" "$run/private/in/mine.jsonl" || fail "a refused --fresh removed something"
expect 0 run "$run/mine.jsonl" --run "$run" $settings --fresh
cmp "$input" "$run/mine.jsonl" || fail "--fresh changed a file that is not the program's"
[ -d "$run/words" ] || fail "--fresh removed a folder that is not the program's"
[ ! -e "$run/private/in" ] || fail "--fresh left something in private/"
[ ! -e "$run/published/mine.jsonl" ] || fail "--fresh left something in published/"
[ "$(grep -c run_start "$run/events.jsonl")" = 1 ] || fail "--fresh went on with the old events"

# No core files, and nothing that others may read.
expect 0 init "$scratch/new.json"
[ "$(stat -c %a "$scratch/new.json")" = 600 ] || fail "a new file is open to others"
mkfifo "$scratch/pipe"
"$clio" import - --run "$scratch/piped" --quiet <"$scratch/pipe" >"$out" 2>"$err" &
pid=$!
exec 3>"$scratch/pipe"
until [ -e "$scratch/piped/private/run.db" ]; do :; done
grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" || fail "a crash would write a core file"
cat "$other" >&3
exec 3>&-
wait $pid || fail "import from a pipe"
[ -z "$(find "$scratch/piped" -perm /077)" ] || fail "something in a run is open to others"
