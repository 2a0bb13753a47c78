#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum err file_map_open(struct file_map *m, const char *path, struct error *e)
{
    *m = (struct file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, ERR_IO, "cannot open %s", path);
    struct stat st;
    enum err result = ERR_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        result = error_set(e, ERR_IO, "%s is not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            result = error_errno(e, ERR_IO, "cannot map %s", path);
        else
            m->bytes = (struct str){p, (size_t)st.st_size};
    }
    close(fd);
    return result;
}

void file_map_close(struct file_map *m)
{
    if (m->bytes.n)
        munmap((void *)(uintptr_t)m->bytes.at, m->bytes.n);
    *m = (struct file_map){0};
}

enum err file_read(const char *path, size_t max, struct buf *b, struct error *e)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    if (!f)
        return error_errno(e, ERR_IO, "cannot open %s", path);
    enum err result = ERR_OK;
    char chunk[16384];
    size_t n;
    while (result == ERR_OK && (n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        if (b->n + n > max)
            result = error_set(e, ERR_INPUT, "%s is larger than the %zu bytes allowed here", path, max);
        else
            buf_add(b, (struct str){chunk, n});
    }
    if (result == ERR_OK && ferror(f))
        result = error_errno(e, ERR_IO, "cannot read %s", path);
    if (!standard)
        fclose(f);
    return result;
}

static enum err write_all(int fd, struct str bytes, const char *path, struct error *e)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.at, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(e, ERR_IO, "cannot write %s", path);
        bytes.at += n;
        bytes.n -= (size_t)n;
    }
    return fsync(fd) == 0 ? ERR_OK : error_errno(e, ERR_IO, "cannot write %s to the disk", path);
}

enum err file_write_atomic(const char *path, struct str bytes, struct error *e)
{
    struct buf temp = {0};
    buf_printf(&temp, "%s.tmp", path);
    int fd = open(temp.at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        buf_release(&temp);
        return error_errno(e, ERR_IO, "cannot create %s", path);
    }
    enum err result = write_all(fd, bytes, path, e);
    close(fd);
    if (result == ERR_OK && rename(temp.at, path) != 0)
        result = error_errno(e, ERR_IO, "cannot replace %s", path);
    if (result != ERR_OK)
        unlink(temp.at);
    buf_release(&temp);
    return result;
}

enum err file_make_folder(const char *path, struct error *e)
{
    struct buf part = {0};
    enum err result = ERR_OK;
    buf_addz(&part, path);
    for (size_t i = 1; i <= part.n && result == ERR_OK; i++) {
        char c = part.at[i];
        if (c != '/' && c != '\0')
            continue;
        part.at[i] = '\0';
        if (mkdir(part.at, 0700) != 0 && errno != EEXIST)
            result = error_errno(e, ERR_IO, "cannot create folder %s", part.at);
        part.at[i] = c;
    }
    struct stat st;
    if (result == ERR_OK && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        result = error_set(e, ERR_IO, "%s is not a folder", path);
    buf_release(&part);
    return result;
}

enum err file_sync_folder(const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, ERR_IO, "cannot open folder %s", path);
    int status = fsync(fd);
    close(fd);
    return status == 0 ? ERR_OK : error_errno(e, ERR_IO, "cannot sync folder %s", path);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

int64_t file_free_bytes(const char *path)
{
    struct statvfs v;
    return statvfs(path, &v) == 0 ? (int64_t)(v.f_bavail * v.f_frsize) : -1;
}

static void remove_at(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
        return;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d) {
        for (struct dirent *entry; (entry = readdir(d));)
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                remove_at(dirfd(d), entry->d_name);
        closedir(d);
    }
    unlinkat(parent, name, AT_REMOVEDIR);
}

void file_remove_tree(const char *path)
{
    remove_at(AT_FDCWD, path);
}

const char *file_cache_path(struct arena *a, const char *first, ...)
{
    struct buf path = {0};
    const char *own = getenv("CLIO_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own)
        buf_addz(&path, own);
    else if (xdg && *xdg)
        buf_printf(&path, "%s/clio", xdg);
    else
        buf_printf(&path, "%s/.cache/clio", home && *home ? home : ".");
    va_list args;
    va_start(args, first);
    for (const char *part = first; part; part = va_arg(args, const char *))
        buf_printf(&path, "/%s", part);
    va_end(args);
    const char *out = str_dupz(a, buf_str(&path));
    buf_release(&path);
    return out;
}
