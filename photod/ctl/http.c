#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "photod/ctl/file.h"
#include "photod/ctl/http.h"

#define ANSWER_MAX  (64u << 20)
#define CONNECT_S   15L
#define LOW_SPEED_S 120L /* a door may think so long about a large roster */
#define URL_MAX     2048

struct http {
    CURL *curl;
    char url[512];
    struct buf *bearer; /* "Authorization: Bearer ...", or NULL */
    char error[CURL_ERROR_SIZE];
};

/* One transfer, as its callbacks see it. */
struct transfer {
    struct http_answer *answer;
    FILE *file;
    curl_off_t offset, total; /* of the file: where this transfer begins; its length */
    int64_t began_ms;
};

/* ---- Open ---- */

void http_free(struct http *h)
{
    if (!h)
        return;
    if (h->curl)
        curl_easy_cleanup(h->curl);
    buf_free(h->bearer);
    free(h);
}

static enum ctl_exit read_bearer(struct http *h, const char *path)
{
    CLEANUP(buf) struct buf *key = NULL;
    CLEANUP(buf) struct buf *b = NULL;

    TRY_CTL(file_read_secret(&key, path));
    for (const char *c = buf_text(key); *c; c++)
        if (*c <= ' ' || *c > '~')
            return say_fail(CTL_FAILED, "%s: the first line is not a district key", path);
    if (buf_new(&b, 8192) || buf_printf(b, "Authorization: Bearer %s", buf_text(key)))
        return say_fail(CTL_FAILED, "%s: not a district key", path);
    h->bearer = TAKE(b);
    return CTL_OK;
}

/* Set once: they hold for every request of this client. */
static bool set_options(struct http *h, const struct http_options *o)
{
    CURL *c = h->curl;
    bool good = true;

    good &= !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    good &= !curl_easy_setopt(c, CURLOPT_CAINFO, o->ca);
    good &= !curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    good &= !curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    good &= !curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    good &= !curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    good &= !curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    good &= !curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    good &= !curl_easy_setopt(c, CURLOPT_PROXY, "");
    good &= !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    good &= !curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    good &= !curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    good &= !curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S);
    good &= !curl_easy_setopt(c, CURLOPT_USERAGENT, "photoctl");
    good &= !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
    if (o->certificate) {
        good &= !curl_easy_setopt(c, CURLOPT_SSLCERT, o->certificate);
        good &= !curl_easy_setopt(c, CURLOPT_SSLKEY, o->key);
    }
    return good;
}

enum ctl_exit http_open(struct http **out, const struct http_options *o)
{
    CLEANUP(http) struct http *h = calloc(1, sizeof *h);
    size_t len;

    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) || !(h->curl = curl_easy_init()))
        return say_fail(CTL_FAILED, "out of memory");
    if (strncasecmp(o->url, "https://", 8) != 0 || text_copy(h->url, sizeof h->url, o->url))
        return say_fail(CTL_USAGE, "--url must be of the form https://HOST:PORT");
    for (len = strlen(h->url); len && h->url[len - 1] == '/'; len--)
        h->url[len - 1] = '\0';
    if (access(o->ca, R_OK)) /* curl would name it less plainly */
        return say_fail(CTL_FAILED, "%s: %s", o->ca, strerror(errno));
    if (o->certificate && access(o->certificate, R_OK))
        return say_fail(CTL_FAILED, "%s: %s", o->certificate, strerror(errno));
    if (o->key && access(o->key, R_OK))
        return say_fail(CTL_FAILED, "%s: %s", o->key, strerror(errno));
    if (o->bearer_file)
        TRY_CTL(read_bearer(h, o->bearer_file));
    if (!set_options(h, o))
        return say_fail(CTL_FAILED, "this libcurl lacks what photoctl needs (7.85 or later, with TLS)");
    *out = TAKE(h);
    return CTL_OK;
}

/* ---- Callbacks ---- */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;

    return buf_append(t->answer->body, bytes, size * count) ? 0 : size * count;
}

static bool take_value(char value[static 64], const char *line, size_t len, const char *name)
{
    size_t at = strlen(name);

    if (len <= at || len >= at + 64 || strncasecmp(line, name, at) != 0)
        return false;
    memcpy(value, line + at, len - at);
    value[len - at] = '\0';
    return true;
}

static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    size_t len = size * count;
    char value[64] = "";

    if (take_value(value, line, len, "retry-after:"))
        (void)snprintf(t->answer->retry_after, sizeof t->answer->retry_after, "%.31s", text_trim(value));
    if (take_value(value, line, len, "upload-offset:") &&
        u64_parse(&t->answer->upload_offset, text_trim(value), INT64_MAX))
        t->answer->upload_offset = UINT64_MAX;
    return len;
}

static size_t give_file(char *to, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    size_t n = fread(to, size, count, t->file);

    return ferror(t->file) ? CURL_READFUNC_ABORT : n;
}

/* libcurl sends the file again after a connection that had gone stale. */
static int rewind_file(void *context, curl_off_t offset, int origin)
{
    struct transfer *t = context;

    return fseeko(t->file, origin == SEEK_SET ? t->offset + offset : offset, origin) ? CURL_SEEKFUNC_FAIL
                                                                                     : CURL_SEEKFUNC_OK;
}

static int show_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                         curl_off_t up)
{
    const struct transfer *t = context;
    int64_t ms = clock_steady_ms() - t->began_ms;
    curl_off_t done = t->offset + up;

    (void)down_total, (void)down, (void)up_total;
    if (t->total > 0 && up > 0 && ms > 0)
        say_progress("sent %.1f of %.1f MB (%d %%), %.0f kB/s, %.0f min left", (double)done / 1e6,
                     (double)t->total / 1e6, (int)(100 * done / t->total), (double)up / (double)ms,
                     (double)(t->total - done) / (double)up * (double)ms / 60000);
    return 0;
}

/* ---- Requests ---- */

void http_answer_clear(struct http_answer *a)
{
    buf_free(a->body);
    json_decref(a->json);
    *a = (struct http_answer){.status = 0};
}

static enum ctl_exit open_file(struct transfer *t, const char *path, uint64_t offset)
{
    struct stat st;

    t->file = fopen(path, "re");
    if (!t->file || fstat(fileno(t->file), &st))
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return say_fail(CTL_FAILED, "%s is not a regular file", path);
    if (fseeko(t->file, (off_t)offset, SEEK_SET))
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    t->total = st.st_size;
    t->offset = (curl_off_t)offset;
    t->began_ms = clock_steady_ms();
    return CTL_OK;
}

static enum ctl_exit set_body(struct http *h, struct transfer *t, const char *method,
                              const struct http_body *body)
{
    CURL *c = h->curl;

    (void)curl_easy_setopt(c, CURLOPT_UPLOAD, 0L);
    (void)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 1L);
    if (body && body->file) {
        TRY_CTL(open_file(t, body->file, body->offset));
        (void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, t->total - t->offset);
        (void)curl_easy_setopt(c, CURLOPT_READFUNCTION, give_file);
        (void)curl_easy_setopt(c, CURLOPT_READDATA, t);
        (void)curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, rewind_file);
        (void)curl_easy_setopt(c, CURLOPT_SEEKDATA, t);
        (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, show_progress);
        (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
        (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    } else if (strcmp(method, "HEAD") == 0) {
        (void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0) {
        (void)curl_easy_setopt(c, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, body && body->bytes ? body->bytes : "");
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(body ? body->len : 0));
    }
    (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    return CTL_OK;
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = line ? curl_slist_append(*list, line) : *list;

    if (line && !more)
        return false;
    *list = more;
    return true;
}

static bool add_headers(struct curl_slist **list, const char *const *lines)
{
    for (; lines && *lines; lines++)
        if (!add_header(list, *lines))
            return false;
    return true;
}

/* The list holds the district key: wiped before it goes. */
static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *l = list; l; l = l->next)
        explicit_bzero(l->data, strlen(l->data));
    curl_slist_free_all(list);
}

static enum ctl_exit say_transport(const struct http *h, CURLcode c)
{
    if (c == CURLE_PEER_FAILED_VERIFICATION)
        return say_fail(CTL_UNREACHABLE, "%s: its certificate is not from the CA given: %s", h->url,
                        h->error);
    if (c == CURLE_SSL_CERTPROBLEM || c == CURLE_SSL_CACERT_BADFILE)
        return say_fail(CTL_FAILED, "a certificate or key file cannot be used: %s", h->error);
    if (c == CURLE_READ_ERROR || c == CURLE_ABORTED_BY_CALLBACK)
        return say_fail(CTL_FAILED, "the file could not be read to its end");
    if (c == CURLE_WRITE_ERROR)
        return say_fail(CTL_FAILED, "%s: the answer is larger than %u bytes", h->url, ANSWER_MAX);
    return say_fail(CTL_UNREACHABLE, "cannot reach %s: %s", h->url,
                    *h->error ? h->error : curl_easy_strerror(c));
}

static enum ctl_exit perform(struct http *h, struct transfer *t, const char *path)
{
    char url[URL_MAX];
    CURLcode c;

    if (snprintf(url, sizeof url, "%s%s", h->url, path) >= (int)sizeof url)
        return say_fail(CTL_USAGE, "the URL is too long");
    *h->error = '\0';
    (void)curl_easy_setopt(h->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, t);
    c = curl_easy_perform(h->curl);
    say_progress_end();
    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &t->answer->status);
    /* A door that refuses early answers and closes while we still send: the answer counts. */
    if (c && !(c == CURLE_SEND_ERROR && t->answer->status >= 400))
        return say_transport(h, c);
    return CTL_OK;
}

enum ctl_exit http_request(struct http_answer *out, struct http *h, const char *method, const char *path,
                           const char *const *headers, const struct http_body *body)
{
    struct curl_slist *list = NULL;
    struct transfer t = {.answer = out};
    char type[100] = "";
    enum ctl_exit code;

    *out = (struct http_answer){.upload_offset = UINT64_MAX};
    if (body && body->type)
        (void)snprintf(type, sizeof type, "Content-Type: %s", body->type);
    if (buf_new(&out->body, ANSWER_MAX) ||
        !add_header(&list, "Accept: application/json, application/problem+json") ||
        !add_header(&list, *type ? type : NULL) || !add_headers(&list, headers) ||
        !add_header(&list, h->bearer ? buf_text(h->bearer) : NULL)) {
        free_headers(list);
        return say_fail(CTL_FAILED, "out of memory");
    }
    (void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
    code = set_body(h, &t, method, body);
    if (!code)
        code = perform(h, &t, path);
    (void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
    free_headers(list);
    file_cleanup(&t.file);
    if (!code)
        out->json = json_loadb(buf_text(out->body), buf_len(out->body), JSON_REJECT_DUPLICATES, NULL);
    return code;
}

/* ---- Answers ---- */

enum err http_body_json(struct http_body *out, struct buf **text, json_t *body)
{
    size_t len = body ? json_dumpb(body, NULL, 0, JSON_COMPACT) : 0;
    unsigned char *space;
    enum err e = len ? buf_new(text, len) : ERR_MALFORMED;

    if (!e)
        e = buf_extend(*text, len, &space);
    if (!e)
        (void)json_dumpb(body, (char *)space, len, JSON_COMPACT);
    json_decref(body);
    TRY(e);
    *out = (struct http_body){.type = "application/json", .bytes = buf_bytes(*text), .len = len};
    return OK;
}

const char *json_text(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

uint64_t json_number(const json_t *object, const char *member)
{
    json_int_t n = json_integer_value(json_object_get(object, member));

    return n > 0 ? (uint64_t)n : 0;
}

enum ctl_exit http_expect_json(const struct http_answer *a)
{
    const char *title = json_text(a->json, "title"), *detail = json_text(a->json, "detail");
    const char *advice = json_text(a->json, "advice");

    if (a->status >= 200 && a->status <= 299 && json_is_object(a->json))
        return CTL_OK;
    if (!*title)
        return say_fail(CTL_FAILED, "the server answered %ld, which is not an answer of photod", a->status);
    say_error("%s%s%s", title, *detail ? ": " : "", detail);
    if (*advice)
        say_hint("%s", advice);
    if (*a->retry_after)
        say_hint("Try again in %s seconds.", a->retry_after);
    return CTL_FAILED;
}
