"""The rows of bench/compare: which programs take turns on which data, and who judges them.

A program is one of
  bench   clio-bench with these options, judged by `judge` on what it saved; the same bytes every time, so judged once
  peer    a script of bench/peers, which judges itself; with --wait it gets ready (compiles) once and runs at a word
{npy} is the row's data, {saved} what the program is to save, {other:NAME} what another program of the row has saved.
  env     variables of its own          needs     a module: picks the Python that has it
  rounds  at most so many turns         limit_mb  it is ended above so much memory, and the row says so
  scale   its seconds are multiplied by this, and marked
"""
FAISS = {"OPENBLAS_CORETYPE": "SkylakeX"}  # its own OpenBLAS knows no newer processor
SETS = {"syn100k": (100000, 384, 1), "syn200k": (200000, 768, 1), "syn400k": (400000, 768, 1), "syn1m": (1000000, 768, 1),
        "sharegpt_minilm": None}
KNN_JUDGE = "knn_peer.py judge --npy {npy} --ids {saved}"
KMEANS_JUDGE = "kmeans_peer.py score {npy} --centroids {saved}"
UMAP_JUDGE = "umap_peer.py judge --npy {npy} --layout {saved}"


def clio_kmeans(k, more=""):
    return dict(bench=f"kmeans --npy {{npy}} --k {k} {more} --save {{saved}}", judge=KMEANS_JUDGE, needs="threadpoolctl")


def clio_kmeans_large(k):
    """Judged by itself, with the centroid each row has: a nearer one would only lower its cost. All of them would take minutes."""
    return dict(bench=f"kmeans --npy {{npy}} --k {k} --save {{saved}}")


def faiss(k, iterations=25, **more):
    return dict(peer=f"kmeans_peer.py faiss {{npy}} --k {k} --iterations {iterations}", env=FAISS, needs="faiss", **more)


def plus_plus(k):
    return dict(peer=f"kmeans_peer.py sklearn {{npy}} --k {k} --init k-means++", needs="sklearn", rounds=1)


def kmeans(title, name, k, **more):
    return dict(title=title, set=name, quality="mean squared distance", programs={
        "clio": clio_kmeans(k), "FAISS, 25 iterations": faiss(k), **more})


def clio_knn(visit, more=""):
    return dict(bench=f"knn --npy {{npy}} --visit {visit} --sample 1 {more} --save {{saved}}", judge=KNN_JUDGE,
                needs="threadpoolctl")


def knn(title, name, k, visits, want):
    """`k`: about as many clusters as the search would make itself; given, their k-means is not in its time."""
    return dict(title=title, set=name, quality="recall@15", programs={
        **{f"clio, visit {v}": clio_knn(v) for v in visits},
        "clio's k-means": dict(bench=f"kmeans --npy {{npy}} --k {k} --save-labels {{saved}}"),
        **{f"clio, clusters given, visit {v}": clio_knn(v, "--labels {other:clio's k-means}") for v in visits},
        "pynndescent": dict(peer="knn_peer.py pynndescent --npy {npy} --wait", needs="pynndescent"),
        "hnswlib": dict(peer=f"knn_peer.py hnswlib --npy {{npy}} --want {want} --wait", needs="hnswlib")})


def umap(title, name, *starts):
    return dict(title=title, set=name, quality="trustworthiness, kept", programs={
        "clio": dict(bench="umap --npy {npy} --sample 64 --save {saved}", judge=UMAP_JUDGE, needs="sklearn"),
        **{f"umap-learn, {s} start": dict(peer=f"umap_peer.py {s} --npy {{npy}} --wait", needs="umap") for s in starts}})


def encode(title, model, counts):
    """Its script takes turns itself: onnxruntime stays loaded."""
    return dict(title=title, quality="cosine, mean / worst", turns=[
        f"encode_peer.py {{data}}/texts{tokens}.jsonl --model {model} -n {n} --bench {{bench}} --rounds {{rounds}}"
        for tokens, n in counts], needs="onnxruntime")


EXACT = "--exact --iterations 5 --start {other:the start}"
ROWS = {
    "E1": encode("MiniLM on real texts of about 25, 100 and 250 tokens", "minilm", ((25, 2000), (100, 500), (250, 200))),
    "E2": encode("MPNet on real texts of about 25, 100 and 250 tokens", "mpnet", ((25, 200), (100, 100), (250, 50))),
    "K1": kmeans("2,000 clusters of 200,000 x 768, synthetic", "syn200k", 2000, **{"k-means++ and Lloyd": plus_plus(2000)}),
    "K2": dict(title="10,000 clusters of 1,000,000 x 768, synthetic", set="syn1m", quality="mean squared distance", programs={
        "clio": clio_kmeans_large(10000),
        "FAISS, 2 iterations, times 12.5": faiss(10000, 2, scale=12.5, rounds=1)}),
    "K3": dict(title="exact mode, 2,000 clusters of 200,000 x 768, 5 iterations from the same rows", set="syn200k",
               quality="mean squared distance", programs={
                   "the start": dict(peer="kmeans_peer.py start {npy} --k 2000 --save {saved}", needs="threadpoolctl", rounds=1),
                   "clio": dict(bench=f"kmeans --npy {{npy}} --k 2000 {EXACT} --save {{saved}} --save-labels {{saved}}.labels",
                                judge=KMEANS_JUDGE, needs="threadpoolctl"),
                   "FAISS": dict(peer="kmeans_peer.py faiss {npy} --k 2000 --iterations 5 --start {other:the start} --save {saved} "
                                      "--same {other:clio}", env=FAISS, needs="faiss")}),
    "K4": dict(title="40,000 clusters of 400,000 x 768, synthetic", set="syn400k", quality="mean squared distance", programs={
        "clio": dict(rounds=1, **clio_kmeans_large(40000)),
        "FAISS, 2 iterations, times 12.5": faiss(40000, 2, scale=12.5, rounds=1)}),
    "K5a": kmeans("600 clusters of 51,515 x 384, MiniLM of ShareGPT's turns", "sharegpt_minilm", 600,
                  **{"clio, 12 iterations": clio_kmeans(600, "--iterations 12"),
                     "clio, 100 iterations": clio_kmeans(600, "--iterations 100"), "k-means++ and Lloyd": plus_plus(600)}),
    "K5b": kmeans("5,000 clusters of 51,515 x 384, MiniLM of ShareGPT's turns", "sharegpt_minilm", 5000,
                  **{"k-means++ and Lloyd": plus_plus(5000)}),
    "N1s": knn("15 neighbours of 100,000 x 384, synthetic", "syn100k", 1000, (1500, 2500), .98),
    "N1r": knn("15 neighbours of 51,515 x 384, MiniLM of ShareGPT's turns", "sharegpt_minilm", 600, (2500, 6000), .98),
    "N2": dict(title="15 neighbours of 1,000,000 x 768, synthetic", set="syn1m", quality="recall@15", programs={
        **{f"clio, visit {v}": dict(rounds=1, **clio_knn(v)) for v in (1000, 2000, 4000)},
        "pynndescent, 16 GB": dict(peer="knn_peer.py pynndescent --npy {npy}", needs="pynndescent", rounds=1, limit_mb=16384)}),
    "U1r": umap("layout of 51,515 x 384, MiniLM of ShareGPT's turns, end to end", "sharegpt_minilm", "random"),
    "U1s": umap("layout of 100,000 x 384, synthetic, end to end", "syn100k", "spectral"),
    "U2": dict(title="layout of 1,000,000 x 768, synthetic, end to end", set="syn1m", quality="trustworthiness, kept", programs={
        "clio": dict(bench="umap --npy {npy} --sample 1000 --save {saved}", rounds=3)}),
    "P1": dict(title="a whole run of 100,000 conversations, scripted answers, vectors from a file", set="syn100k", quality="",
               programs={"clio run": dict(peer="whole_run.py {npy} --clio {clio} --data {data}")}),
}
