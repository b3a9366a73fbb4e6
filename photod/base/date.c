#include <stdio.h>
#include <string.h>
#include "photod/base/date.h"

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool date_is_set(struct date d)
{
    return d.year != 0;
}

bool date_is_valid(struct date d)
{
    return d.year >= 1 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= days_in_month(d.year, d.month);
}

int date_compare(struct date d, struct date e)
{
    if (d.year != e.year)
        return d.year - e.year;
    if (d.month != e.month)
        return d.month - e.month;
    return d.day - e.day;
}

/* Counts from 1 March, so that the leap day is the last of its year. */
int64_t date_to_days(struct date d)
{
    int64_t year = d.month > 2 ? d.year : d.year - 1;
    int64_t month = (d.month + 9) % 12;
    int64_t era = year / 400, of_era = year % 400;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + d.day - 1 -
           719468;
}

struct date date_from_days(int64_t days)
{
    int64_t n = days + 719468;
    int64_t era = (n >= 0 ? n : n - 146096) / 146097;
    int64_t of_era = n - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    return (struct date){
        .year = (int)(year + era * 400 + (month >= 10)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
    };
}

static int number(const char *text, int digits)
{
    int value = 0;

    while (digits--)
        value = value * 10 + (*text++ - '0');
    return value;
}

enum err date_parse(struct date *out, const char *text)
{
    struct date d;

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return ERR_MALFORMED;
    for (int i = 0; i < 10; i++)
        if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9'))
            return ERR_MALFORMED;
    d = (struct date){number(text, 4), number(text + 5, 2), number(text + 8, 2)};
    if (!date_is_valid(d))
        return ERR_MALFORMED;
    *out = d;
    return OK;
}

void date_format(char text[static DATE_TEXT], struct date d)
{
    if (date_is_valid(d))
        (void)snprintf(text, DATE_TEXT, "%04u-%02u-%02u", (unsigned)d.year % 10000, (unsigned)d.month % 100,
                       (unsigned)d.day % 100);
    else
        text[0] = '\0';
}
