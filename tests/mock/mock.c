#include "mock.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "mock_batch.h"
#include "mock_seen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    CHUNK = 64 << 10,
    DRIP_BYTES = 8,
    BACKLOG = 4096,
    HEAD_MAX = 64 << 10,
    BODY_MAX = 64 << 20,
    KILL_WITHIN_MS = 20
};

enum doing { READING, THINKING, WRITING, SILENT /* no word will come */ };

/* A connection; it has at most one request at a time. */
struct conn {
    struct mock *m;
    int fd; /* -1: closed, and kept until its time comes */
    enum doing doing;
    bool due_set;
    double due;
    struct buf in, out;
    size_t sent, head; /* bytes of `out` gone; bytes of the request's head, 0: not all there */
    struct mock_request request;
    const struct mock_route *route;
    const struct mock_fault *fault; /* NULL: none */
    size_t place;                   /* in m->conns */
};

struct mock {
    struct mock_opts opts;
    const struct mock_fault *fault; /* for every request */
    int listener, epoll, end;
    unsigned short port;
    struct rng rng;
    double bucket, bucket_at;
    struct conn **conns, **due; /* all of them; a heap of those that wait */
    size_t conns_n, conns_cap, due_n;
    struct mock_memory bodies, words, prefixes;
    struct mock_batches *batches;
    struct mock_counts counts;
    struct buf scratch;
    pid_t victim; /* 0: none */
    uint64_t kill_at;
};

/* ---- waiting: a heap by time ---- */

static void swap(struct conn **a, struct conn **b)
{
    struct conn *t = *a;
    *a = *b;
    *b = t;
}

static void wait_until(struct conn *c, double due)
{
    struct mock *m = c->m;
    size_t i = m->due_n++;
    c->due = due;
    c->due_set = true;
    m->due[i] = c;
    for (; i && m->due[(i - 1) / 2]->due > m->due[i]->due; i = (i - 1) / 2)
        swap(&m->due[i], &m->due[(i - 1) / 2]);
}

static struct conn *take_due(struct mock *m)
{
    struct conn **h = m->due, *first = h[0];
    h[0] = h[--m->due_n];
    for (size_t i = 0, child; (child = 2 * i + 1) < m->due_n; i = child) {
        child += child + 1 < m->due_n && h[child + 1]->due < h[child]->due;
        if (h[i]->due <= h[child]->due)
            break;
        swap(&h[i], &h[child]);
    }
    first->due_set = false;
    return first;
}

/* ---- connections ---- */

static void conn_free(struct conn *c)
{
    struct mock *m = c->m;
    m->conns[c->place] = m->conns[--m->conns_n];
    m->conns[c->place]->place = c->place;
    buf_release(&c->in);
    buf_release(&c->out);
    free(c);
}

static void conn_close(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    if (c->doing == THINKING || c->doing == WRITING) {
        c->m->counts.running--;
        c->m->counts.dropped += c->doing == THINKING && !c->fault;
    }
    c->doing = READING;
    if (!c->due_set)
        conn_free(c);
}

static void listen_for(struct conn *c, uint32_t what)
{
    struct epoll_event event = {.events = what, .data.ptr = c};
    epoll_ctl(c->m->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void accept_all(struct mock *m)
{
    for (int fd; (fd = accept4(m->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct conn *c = mem_zero(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (m->conns_n == m->conns_cap) {
            m->conns_cap = m->conns_cap ? 2 * m->conns_cap : 64;
            m->conns = mem_grow(m->conns, m->conns_cap, sizeof(struct conn *));
            m->due = mem_grow(m->due, m->conns_cap, sizeof(struct conn *));
        }
        *c = (struct conn){.m = m, .fd = fd, .place = m->conns_n};
        m->conns[m->conns_n++] = c;
        epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

/* ---- replies ---- */

static const char *phrase(int status)
{
    return status < 300 ? "OK" : status < 400 ? "Elsewhere" : status < 500 ? "Not So" : "Trouble";
}

static void set_reply(struct conn *c, int status, const char *type, const char *headers, struct str body)
{
    buf_clear(&c->out);
    buf_printf(&c->out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status, phrase(status),
               type ? type : "application/json", body.n, headers ? headers : "");
    buf_add(&c->out, body);
    c->sent = 0;
}

static void note_retry_after(struct conn *c, const char *headers)
{
    const char *at = headers ? strcasestr(headers, "retry-after:") : NULL;
    if (at)
        mock_remember(&c->m->bodies, c->request.hash)->not_before = clock_seconds() + strtod(at + 12, NULL);
}

static void make_reply(struct conn *c)
{
    static const char blanks[] = "                                                                ";
    struct mock *m = c->m;
    const struct mock_fault *f = c->fault;
    struct buf *body = &m->scratch;
    int status = f && f->status ? f->status : 0;
    buf_clear(body);
    if (f && f->body)
        buf_addz(body, f->body);
    else if (c->route)
        status = c->route->answer(&c->request, f ? f->say : SAY_ANSWER, body);
    else
        buf_addz(body, "{\"error\":{\"type\":\"not_found_error\"}}");
    status = status ? status : c->route ? 200 : 404;
    for (size_t padded = 0; f && padded < f->padding; padded += sizeof blanks - 1)
        buf_addz(body, blanks);
    char elsewhere[80];
    if (m->opts.redirect_port) {
        snprintf(elsewhere, sizeof elsewhere, "Location: http://127.0.0.1:%d/v1/chat/completions\r\n",
                 m->opts.redirect_port);
        set_reply(c, 307, NULL, elsewhere, STR(""));
        return;
    }
    struct str sent = buf_str(body);
    sent.n = f && f->end == END_TRUNCATED ? sent.n / 2 : sent.n;
    set_reply(c, status, f ? f->type : NULL, f ? f->headers : NULL, sent);
    note_retry_after(c, f ? f->headers : NULL);
    m->counts.answered += !f && status == 200;
}

static void reset_connection(struct conn *c)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    conn_close(c);
}

static void request_over(struct conn *c);

/* As much as the client takes, or as the fault allows. */
static void write_some(struct conn *c)
{
    enum mock_end end = c->fault ? c->fault->end : END_WELL;
    size_t most = c->out.n - c->sent;
    most = end == END_DRIP && most > DRIP_BYTES ? DRIP_BYTES : most;
    if (end == END_EARLY && c->sent + most > c->out.n / 2)
        most = c->out.n / 2 > c->sent ? c->out.n / 2 - c->sent : 0;
    ssize_t n = most ? send(c->fd, c->out.at + c->sent, most, MSG_NOSIGNAL) : 0;
    if (n < 0 && errno != EAGAIN) {
        conn_close(c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent == c->out.n) {
        request_over(c);
    } else if (end == END_DRIP) {
        wait_until(c, clock_seconds() + c->m->opts.drip_ms / 1000);
    } else if (n < (ssize_t)most) {
        listen_for(c, EPOLLIN | EPOLLOUT);
    }
}

/* The time to answer has come. */
static void answer(struct conn *c)
{
    if (c->doing == WRITING) { /* the next drop */
        write_some(c);
        return;
    }
    if (c->fault && c->fault->end == END_RESET) {
        reset_connection(c);
        return;
    }
    make_reply(c);
    c->doing = WRITING;
    write_some(c);
}

/* ---- requests ---- */

/* The fault that a word "mock:NAME:TIMES:ID" in the text calls for, this time. */
static const struct mock_fault *fault_in(struct mock *m, struct str body)
{
    size_t at = str_find(body, STR("mock:")), n = 5;
    if (at == SIZE_MAX)
        return NULL;
    while (at + n < body.n &&
           (body.at[at + n] == ':' || body.at[at + n] == '-' || (body.at[at + n] >= '0' && body.at[at + n] <= '9') ||
            (body.at[at + n] >= 'a' && body.at[at + n] <= 'z')))
        n++;
    struct str word = {body.at + at, n}, rest = {word.at + 5, n - 5}, name = str_cut(&rest, ':');
    int64_t times = 0;
    if (!str_to_i64(str_cut(&rest, ':'), &times))
        return NULL;
    struct mock_seen *seen = mock_remember(&m->words, hash_u64(hash_of(word)));
    bool now = times == 0 || seen->times < (uint64_t)times;
    seen->times += now;
    return now ? mock_fault_find(name) : NULL;
}

static bool limit_is_reached(struct mock *m, double now)
{
    if (m->opts.rate <= 0)
        return false;
    m->bucket = fmin(fmax(m->opts.rate / 10, 1), m->bucket + (now - m->bucket_at) * m->opts.rate);
    m->bucket_at = now;
    bool reached = m->bucket < 1;
    m->bucket -= !reached;
    return reached;
}

static const struct mock_fault *noise(struct mock *m)
{
    double dice = rng_unit(&m->rng);
    const char *name = dice < m->opts.share_429                         ? "429"
                       : dice < m->opts.share_429 + m->opts.share_reset ? "reset"
                                                                        : NULL;
    m->counts.noise += name != NULL;
    return name ? mock_fault_find(str_of(name)) : NULL;
}

static const struct mock_fault *choose_fault(struct conn *c, double now)
{
    struct mock *m = c->m;
    struct mock_seen *seen = mock_remember(&m->bodies, c->request.hash);
    if (seen->not_before > now)
        m->counts.early_ms = (uint64_t)fmax((double)m->counts.early_ms, (seen->not_before - now) * 1000);
    if (limit_is_reached(m, now)) {
        m->counts.refused++;
        return mock_fault_find(STR("429"));
    }
    const struct mock_fault *f = fault_in(m, c->request.body);
    f = f ? f : m->fault;
    m->counts.faults += f != NULL;
    return f ? f : noise(m);
}

static bool key_fits(const struct conn *c)
{
    char wanted[2][200];
    if (!c->m->opts.key)
        return true;
    snprintf(wanted[0], sizeof wanted[0], "\r\nauthorization: bearer %s\r\n", c->m->opts.key);
    snprintf(wanted[1], sizeof wanted[1], "\r\nx-api-key: %s\r\n", c->m->opts.key);
    return strcasestr(c->in.at, wanted[0]) || strcasestr(c->in.at, wanted[1]);
}

/* Some time within the next milliseconds, so that it comes at any point of what the client does meanwhile. */
static void kill_victim(struct mock *m)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)rng_below(&m->rng, KILL_WITHIN_MS * 1000000)}, NULL);
    kill(m->victim, SIGKILL);
    m->victim = 0;
}

/* /mock/counts, and /mock/kill/PID/N: SIGKILL to a client of ours when N more requests have come. */
static void control(struct conn *c)
{
    struct mock *m = c->m;
    struct str path = c->request.path, number;
    int64_t pid = 0, n = 0;
    buf_clear(&m->scratch);
    if (str_has_prefix(path, STR("/mock/kill/"))) {
        path = (struct str){path.at + 11, path.n - 11};
        number = str_cut(&path, '/');
        if (str_to_i64(number, &pid) && pid > 1 && str_to_i64(path, &n) && n > 0) {
            m->victim = (pid_t)pid;
            m->kill_at = m->counts.requests + (uint64_t)n;
        }
    }
    mock_batches_count(m->batches, &m->counts);
    mock_counts_write(&m->counts, &m->scratch);
    set_reply(c, 200, "text/plain", NULL, buf_str(&m->scratch));
    c->doing = WRITING;
    write_some(c);
}

static void on_request(struct conn *c)
{
    struct mock *m = c->m;
    double now = clock_seconds(), delay = m->opts.latency_ms / 1000;
    c->doing = THINKING;
    m->counts.running++;
    if (str_has_prefix(c->request.path, STR("/mock/"))) {
        control(c);
        return;
    }
    c->route = mock_route_find(c->request.method, c->request.path);
    m->counts.requests++;
    if (m->victim && m->counts.requests >= m->kill_at)
        kill_victim(m);
    m->counts.running_most = m->counts.running > m->counts.running_most ? m->counts.running : m->counts.running_most;
    if (!key_fits(c))
        c->fault = mock_fault_find(STR("401"));
    else if (c->route)
        c->fault = choose_fault(c, now);
    if (!c->fault && c->request.body.n) /* billed from now on, whether the client lives to see it or not */
        m->counts.again += mock_remember(&m->bodies, c->request.hash)->times++ > 0;
    if (c->fault && c->fault->end == END_NEVER) {
        m->counts.running--;
        c->doing = SILENT;
        return;
    }
    wait_until(c, now + delay);
}

/* Takes a request out of what was read. False: there is no whole one yet. */
static bool take_request(struct conn *c)
{
    if (c->head == 0) {
        size_t end = str_find(buf_str(&c->in), STR("\r\n\r\n"));
        if (end == SIZE_MAX)
            return false;
        c->head = end + 4;
    }
    c->in.at[c->head - 2] = 0; /* the head as a C string, its last line whole */
    const char *length = strcasestr(c->in.at, "\r\ncontent-length:");
    size_t n = length ? strtoul(length + 17, NULL, 10) : 0;
    c->in.at[c->head - 2] = '\r';
    if (n > BODY_MAX || c->in.n < c->head + n)
        return false;
    struct str line = {c->in.at, c->head};
    c->request = (struct mock_request){.method = str_cut(&line, ' '), .body = {c->in.at + c->head, n}};
    c->request.path = str_cut(&line, ' ');
    c->request.hash = hash_u64(hash_of(c->request.body));
    c->request.batches = c->m->batches;
    c->request.prefixes = &c->m->prefixes;
    c->request.created = &c->m->counts.tokens_created;
    return true;
}

static void request_over(struct conn *c)
{
    c->m->counts.running--;
    c->doing = READING;
    c->fault = NULL;
    c->route = NULL;
    buf_clear(&c->in);
    c->head = 0;
    if (c->out.cap > CHUNK)
        buf_release(&c->out);
    listen_for(c, EPOLLIN);
}

static void on_readable(struct conn *c)
{
    static char chunk[CHUNK];
    ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || (c->head == 0 && c->in.n > HEAD_MAX)) {
        conn_close(c);
        return;
    }
    buf_add(&c->in, (struct str){chunk, (size_t)n});
    if (c->doing == READING && take_request(c))
        on_request(c);
}

/* ---- the loop ---- */

void mock_serve(struct mock *m)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        double now = clock_seconds();
        int wait = m->due_n == 0 ? -1 : m->due[0]->due <= now ? 0 : (int)ceil((m->due[0]->due - now) * 1000);
        int n = epoll_wait(m->epoll, events, EVENTS, wait);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].data.ptr == m)
                accept_all(m);
            else if (events[i].data.ptr == &m->end)
                return;
            else if (events[i].events & EPOLLOUT && c->doing == WRITING)
                write_some(c);
            else
                on_readable(c);
        }
        now = clock_seconds();
        while (m->due_n && m->due[0]->due <= now) {
            struct conn *c = take_due(m);
            if (c->fd < 0)
                conn_free(c);
            else
                answer(c);
        }
    }
}

void mock_end(struct mock *m)
{
    uint64_t one = 1;
    if (write(m->end, &one, sizeof one) < 0)
        return; /* it was told before */
}

struct mock_counts mock_counts(const struct mock *m)
{
    struct mock_counts counts = m->counts;
    mock_batches_count(m->batches, &counts);
    return counts;
}

unsigned short mock_port(const struct mock *m)
{
    return m->port;
}

static bool open_sockets(struct mock *m)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(m->opts.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = m}, end = {.events = EPOLLIN, .data.ptr = &m->end};
    struct rlimit files;
    socklen_t size = sizeof address;
    int on = 1;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    m->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    m->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    setsockopt(m->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(m->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(m->listener, BACKLOG) != 0 ||
        getsockname(m->listener, (struct sockaddr *)&address, &size) != 0)
        return false;
    m->port = ntohs(address.sin_port);
    return epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->listener, &event) == 0 &&
           epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->end, &end) == 0;
}

enum err mock_open(const struct mock_opts *opts, struct mock **out, struct error *e)
{
    *out = NULL;
    const struct mock_fault *fault = opts->fault ? mock_fault_find(str_of(opts->fault)) : NULL;
    if (opts->fault && !fault)
        return error_set(e, ERR_USAGE, "there is no fault %s", opts->fault);
    struct mock *m = mem_zero(1, sizeof *m);
    *m = (struct mock){.opts = *opts, .fault = fault, .rng = rng_seed(opts->seed, 2), .bucket_at = clock_seconds()};
    m->batches = mock_batches_new(opts->batch_ms);
    if (!open_sockets(m)) {
        mock_close(m);
        return error_set(e, ERR_IO, "the mock cannot listen");
    }
    *out = m;
    return ERR_OK;
}

void mock_close(struct mock *m)
{
    if (!m)
        return;
    while (m->due_n)
        take_due(m);
    while (m->conns_n)
        conn_close(m->conns[m->conns_n - 1]);
    close(m->listener);
    close(m->epoll);
    close(m->end);
    free(m->conns);
    free(m->due);
    free(m->bodies.at);
    free(m->words.at);
    free(m->prefixes.at);
    mock_batches_free(m->batches);
    buf_release(&m->scratch);
    free(m);
}
