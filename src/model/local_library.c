#include "model/local_library.h"

#include "base/file.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum err missing(struct error *e, const char *what)
{
    error_set(e, ERR_MODEL, "%s is missing, so local models cannot be used", what);
    return error_hint(e, "run tools/deps once: it installs llama.cpp (or point CLIO_LLAMA to its lib folder)");
}

/* CLIO_LLAMA, the cache, or "" for wherever the system keeps it. */
static void find_folder(char *out, size_t size)
{
    struct arena a = {0};
    const char *wanted = getenv("CLIO_LLAMA"), *cached = file_cache_path(&a, "llama", "lib", NULL);
    if (wanted && *wanted)
        snprintf(out, size, "%s", wanted);
    else
        snprintf(out, size, "%s", file_exists(cached) ? cached : "");
    arena_release(&a);
}

/* The order matters where a library's own search path does not reach its neighbours. Globally, for the plugin's sake.
 */
static bool load_llama(const char *folder)
{
    static const char *const names[] = {"libggml-base.so", "libggml.so", "libllama.so"};
    void *last = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", names[i]);
        last = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    }
    return last != NULL;
}

static void *load_plugin(void)
{
    static const char *const places[] = {"%.*s/clio-llama.so", "%.*s/../clio-llama.so",
                                         "%.*s/../lib/clio/clio-llama.so"};
    char self[2048];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    int folder = slash ? (int)(slash - self) : 0;
    void *plugin = NULL;
    for (size_t i = 0; !plugin && i < sizeof places / sizeof *places; i++) {
        char path[4096];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(path, sizeof path, places[i], folder, self);
#pragma GCC diagnostic pop
        plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return plugin;
}

enum err local_library_open(const struct llama_abi **abi, char *backends, size_t backends_size, struct error *e)
{
    find_folder(backends, backends_size);
    if (!load_llama(backends))
        return missing(e, "llama.cpp");
    void *plugin = load_plugin();
    if (!plugin)
        return missing(e, "the plugin clio-llama.so");
    void *symbol = dlsym(plugin, LLAMA_ABI_SYMBOL);
    if (!symbol)
        return missing(e, "the plugin's entry");
    llama_abi_fn *entry;
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function pointers */
    *abi = entry();
    if ((*abi)->version != LLAMA_ABI_VERSION || (*abi)->bytes != sizeof **abi) {
        error_set(e, ERR_MODEL, "clio-llama.so is of another version than this program");
        return error_hint(e, "build both again: cmake --build --preset release");
    }
    return ERR_OK;
}
