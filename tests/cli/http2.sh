# Servers that speak HTTP/2 over TLS: many requests share one connection, and answers are the same. Needs node, which has such
# a server, and openssl.
set -eu
. tests/cli/assert.inc
if ! command -v node >/dev/null || ! command -v openssl >/dev/null || ! curl-config --features 2>/dev/null | grep -q HTTP2; then
    echo "node, openssl or curl's HTTP/2 is missing, nothing checked"
    exit 77
fi
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mock \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>/dev/null

# Waits a little before it answers, so that there is something to share.
cat >"$scratch/server.js" <<'JS'
const fs = require('fs'), folder = process.argv[2];
const server = require('http2').createSecureServer(
    {key: fs.readFileSync(folder + '/key.pem'), cert: fs.readFileSync(folder + '/cert.pem')});
let connections = 0, requests = 0;
server.on('session', () => connections++);
server.on('stream', (stream) => {
    let body = '';
    stream.on('data', (chunk) => body += chunk);
    stream.on('end', () => setTimeout(() => {
        requests++;
        const answer = {}, schema = JSON.parse(body).response_format.json_schema.schema.properties;
        for (const [name, type] of Object.entries(schema))
            answer[name] = type.enum ? type.enum[0] : type.type == 'integer' ? type.minimum :
                type.type == 'array' ? ['help with a thing'] : 'help with a thing';
        stream.respond({':status': 200, 'content-type': 'application/json'});
        stream.end(JSON.stringify({choices: [{message: {content: JSON.stringify(answer)}, finish_reason: 'stop'}]}));
        fs.writeFileSync(folder + '/counts', connections + ' ' + requests + '\n');
    }, 30));
});
server.listen(0, '127.0.0.1', () => fs.writeFileSync(folder + '/port', '' + server.address().port));
JS
node "$scratch/server.js" "$scratch" &
server=$!
trap 'kill $server 2>/dev/null || :' EXIT
until [ -s "$scratch/port" ]; do
    kill -0 $server || fail "the server does not start"
    sleep 0.05
done

input=$scratch/made.jsonl
awk -v n=200 -f tests/tools/generate.awk >"$input"
model="openai:h2@https://127.0.0.1:$(cat "$scratch/port")/v1?in_flight=50&ca_file=$scratch/cert.pem"
echo "{\"models\": {\"fast\": \"$model\", \"strong\": \"$model\", \"embed\": \"hash:64\"}}" >"$scratch/config.json"
expect 0 run "$input" --run "$scratch/run" --config "$scratch/config.json" --public --account-per-conversation \
    --until facets --progress none
expect 0 quarantine "$scratch/run" --json
[ ! -s "$out" ] || fail "something was set aside"
read -r connections requests <"$scratch/counts"
[ "$requests" -ge 200 ] || fail "only $requests requests"
[ "$connections" -le 3 ] || fail "$connections connections for $requests requests: they do not share any"
echo "$requests requests over $connections connections"
