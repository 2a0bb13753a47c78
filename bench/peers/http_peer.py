"""The openai package's async client against the mock server: waves of N requests in flight, as clio-bench http makes them.

    build/dev/tests/clio-mock serve --port-file /tmp/port --latency 200 --share-429 0.02 --share-reset 0.01 &
    python3 bench/peers/http_peer.py --port $(cat /tmp/port) --in-flight 20,200,1000 --waves 10

Prints one JSON line a setting. Needs: pip install openai (measured with the version it prints).
"""
import argparse
import asyncio
import json
import os
import resource
import time

try:
    import httpx2 as httpx  # of the openai package since version 3
except ImportError:
    import httpx
import openai

FILLER = ("I would like to repair the gears of my bicycle before the weekend and do not know where to begin, since the "
          "chain jumps whenever I go uphill. ")
SCHEMA = {"type": "object", "additionalProperties": False, "required": ["request", "task", "concern"], "properties": {
    "request": {"type": "string"}, "task": {"type": "string"},
    "concern": {"type": "integer", "minimum": 1, "maximum": 5}}}


async def measure(port, in_flight, waves):
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    client = openai.AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=6, timeout=600,
                                http_client=httpx.AsyncClient(limits=limits, timeout=600, trust_env=False))
    room, total, good = asyncio.Semaphore(in_flight), in_flight * waves, 0

    async def one(i):
        nonlocal good
        async with room:
            answer = await client.chat.completions.create(
                model="bench", temperature=0, max_tokens=200, seed=i,
                messages=[{"role": "system", "content": "Say what the user asks for."},
                          {"role": "user", "content": f"Conversation {i}.\n" + FILLER * 5}],
                response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}})
            good += "concern" in json.loads(answer.choices[0].message.content)

    use, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    results = await asyncio.gather(*(one(i) for i in range(total)), return_exceptions=True)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - use.ru_utime - use.ru_stime
    print(json.dumps({"benchmark": "http", "library": f"openai {openai.__version__}", "in_flight": in_flight,
                      "requests": total, "seconds": round(seconds, 2), "requests_s": round(total / seconds),
                      "cpu_us": round(cpu / total * 1e6, 1), "rss_mb": round(after.ru_maxrss / 1024),
                      "bad": total - good, "failed": sum(isinstance(r, Exception) for r in results)}), flush=True)
    await client.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--in-flight", default="20,200,1000")
    parser.add_argument("--waves", type=int, default=10)
    parser.add_argument("--processor", type=int, default=0)
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.processor})
    for n in args.in_flight.split(","):
        asyncio.run(measure(args.port, int(n), args.waves))


main()
