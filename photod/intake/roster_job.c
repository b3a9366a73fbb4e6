#include "photod/base/text.h"
#include "photod/intake/jobs.h"
#include "photod/intake/limit.h"
#include "photod/wire/bulk.h"
#include "ingest/roster.h"

/* A memfd is a file to RLIMIT_FSIZE, 64 MiB in this process. */
#define TABLE_MAX ((size_t)60 << 20)

#define TOO_LARGE "The file is too large; split it."

/* What was sent for which district, and the rows so far. */
struct table {
    const struct shape_roster_parse *question;
    struct pack rows;
};

/* The vault keeps some fields shorter than a line may hold them. */
static enum err fill(struct shape_roster_row *to, const struct roster_row *row)
{
    TRY(text_copy(to->local_id, sizeof to->local_id, row->local_id));
    TRY(text_copy(to->last, sizeof to->last, row->last));
    TRY(text_copy(to->first, sizeof to->first, row->first));
    TRY(text_copy(to->folded_last, sizeof to->folded_last, row->folded_last));
    TRY(text_copy(to->folded_first, sizeof to->folded_first, row->folded_first));
    TRY(text_copy(to->middle, sizeof to->middle, row->middle));
    TRY(text_copy(to->gender, sizeof to->gender, row->gender));
    TRY(text_copy(to->school, sizeof to->school, row->school));
    TRY(text_copy(to->grade, sizeof to->grade, row->grade));
    return text_copy(to->homeroom, sizeof to->homeroom, row->homeroom);
}

/* A file without that column is of the district it was sent for. */
static const char *district_of(const struct table *t, const struct roster_row *row)
{
    return *row->district ? row->district : t->question->district;
}

static enum err take_row(void *context, const struct roster_row *row)
{
    struct table *t = context;
    struct shape_roster_row to = {.line = row->line,
                                  .notes = row->notes,
                                  .born = row->born,
                                  .opt_in = (unsigned char)row->opt_in,
                                  .opt_in_on = row->opt_in_on};
    const char *fault = row->fault;

    TRY(text_copy(to.district, sizeof to.district, district_of(t, row)));
    TRY(text_copy(to.state_id, sizeof to.state_id, row->state_id));
    if (!fault && fill(&to, row))
        fault = FAULT_FIELD_TOO_LONG;
    TRY(text_copy(to.fault, sizeof to.fault, fault ? fault : ""));
    pack_roster_row(&t->rows, &to);
    return pack_end(&t->rows);
}

static enum err answer_fault(struct worker *w, uint32_t request, const char *sentence)
{
    struct shape_fault fault = {0};

    TRY(text_copy(fault.code, sizeof fault.code, sentence));
    return worker_answer(w, MSG_ROSTER_FAULT, request, &fault, NULL, 0);
}

static enum err answer_parsed(struct worker *w, uint32_t request, const struct roster_summary *summary,
                              const struct buf *rows)
{
    CLEANUP(fd) int fd = -1;
    struct shape_roster_summary out = {.line = summary->header};

    TRY(text_copy(out.format, sizeof out.format, summary->format));
    TRY(text_copy(out.note, sizeof out.note, summary->remark));
    TRY(bulk_new(&fd, buf_bytes(rows), buf_len(rows)));
    return worker_answer(w, MSG_ROSTER_PARSED, request, &out, &fd, 1);
}

/* Expected: ERR_MALFORMED, with a sentence, or without: then the message is at fault. */
static enum err read_file(struct table *t, struct roster_summary *summary,
                          char sentence[static ROSTER_SENTENCE], int fd)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk bytes = {0};
    struct roster_file file;
    struct roster_columns columns;
    enum err e;

    TRY(roster_columns_parse(&columns, t->question->columns));
    e = bulk_map(&bytes, fd, ROSTER_BYTES_MAX);
    if (!e) {
        file = (struct roster_file){bytes.bytes, bytes.len, t->question->media};
        limit_begin(LIMIT_ROSTER_S);
        e = roster_parse(summary, sentence, &file, &columns, take_row, t);
        limit_end();
    }
    if (e != ERR_LIMIT)
        return e;
    TRY(text_copy(sentence, ROSTER_SENTENCE, TOO_LARGE));
    return ERR_MALFORMED;
}

enum err roster_job(struct worker *w, struct message *parse)
{
    CLEANUP(buf) struct buf *rows = NULL;
    struct table t = {.question = &parse->is.roster_parse};
    struct roster_summary summary;
    char sentence[ROSTER_SENTENCE] = "";
    enum err e;

    TRY(buf_new(&rows, TABLE_MAX));
    t.rows = PACK(rows);
    e = read_file(&t, &summary, sentence, parse->fds[0]);
    if (e == ERR_MALFORMED && *sentence)
        return answer_fault(w, parse->request, sentence);
    if (e)
        return e;
    return answer_parsed(w, parse->request, &summary, rows);
}
