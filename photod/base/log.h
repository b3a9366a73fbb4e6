#ifndef PHOTOD_BASE_LOG_H
#define PHOTOD_BASE_LOG_H

/*
 * One line to standard error per event, with the priority prefix of
 * sd-daemon(3), for the journal.  Never key bytes, names, State IDs or
 * unescaped upload names: a line is for the operator, the audit log is not
 * this.  Log once, where the cause is known.
 */

/* The process name that opens every line, and that ps shows.  Call first thing in main. */
void log_init(const char *process);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As log_error, followed by the text of errno. */
void log_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
