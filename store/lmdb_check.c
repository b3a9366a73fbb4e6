#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/base/cleanup.h"
#include "photod/base/log.h"
#include "store/lmdb_check.h"

/*
 * The newest meta page says how many pages there are.  A shorter file is not
 * always damaged: pages that were taken and given back inside one transaction
 * count, but are never written.  Only then all trees are walked: every page
 * they name must lie inside the file.
 *
 * Layout: LMDB 0.9, data version 1, 64 bit, native byte order.
 */
#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1u
#define PAGE_BRANCH  0x01
#define PAGE_LEAF    0x02
#define PAGE_META    0x08
#define NODE_BIG     0x01 /* the value stands on overflow pages */
#define NODE_TREE    0x02 /* the value is a struct tree */
#define NO_PAGE      UINT64_MAX
#define DEPTH_MAX    32

struct page_head {
    uint64_t number;
    uint16_t pad, flags;
    uint16_t lower, upper; /* ends of the node table and of the free space */
};

struct tree {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
    struct page_head head;
    uint32_t magic, version;
    uint64_t address, map_bytes;
    struct tree trees[2]; /* free pages; names of the other trees */
    uint64_t last_page, txn;
};

struct node {
    uint16_t low, high, flags, key_len;
};

_Static_assert(sizeof(struct page_head) == 16 && sizeof(struct tree) == 48 && sizeof(struct node) == 8 &&
                   offsetof(struct meta, txn) == 16 + 128,
               "LMDB 0.9 on 64 bit");

struct file {
    int fd;
    size_t page_bytes;
    uint64_t pages; /* that are wholly in the file */
};

static enum err read_at(int fd, void *to, size_t len, uint64_t at)
{
    ssize_t n = pread(fd, to, len, (off_t)at);

    if (n < 0)
        return ERR_IO;
    return (size_t)n == len ? OK : ERR_CORRUPT;
}

static enum err check_tree(const struct file *f, uint64_t root, unsigned depth);

static enum err check_overflow(const struct file *f, uint64_t first)
{
    struct page_head head;
    uint32_t pages;

    if (first >= f->pages)
        return ERR_CORRUPT;
    TRY(read_at(f->fd, &head, sizeof head, first * f->page_bytes));
    memcpy(&pages, &head.lower, sizeof pages);
    return pages <= f->pages - first ? OK : ERR_CORRUPT;
}

static enum err check_node(const struct file *f, const unsigned char *page, size_t at, bool leaf,
                           unsigned depth)
{
    struct node n;
    struct tree t;
    uint64_t number;
    size_t value;

    if (at + sizeof n > f->page_bytes)
        return ERR_CORRUPT;
    memcpy(&n, page + at, sizeof n);
    if (!leaf) {
        number = n.low | (uint64_t)n.high << 16 | (uint64_t)n.flags << 32;
        return check_tree(f, number, depth + 1);
    }
    value = at + sizeof n + n.key_len;
    if (n.flags & NODE_BIG) {
        if (value + sizeof number > f->page_bytes)
            return ERR_CORRUPT;
        memcpy(&number, page + value, sizeof number);
        return check_overflow(f, number);
    }
    if (n.flags & NODE_TREE) {
        if (value + sizeof t > f->page_bytes)
            return ERR_CORRUPT;
        memcpy(&t, page + value, sizeof t);
        return check_tree(f, t.root, depth + 1);
    }
    return OK;
}

static enum err check_tree(const struct file *f, uint64_t root, unsigned depth)
{
    CLEANUP(heap) unsigned char *page = NULL;
    struct page_head head;

    if (root == NO_PAGE)
        return OK;
    if (root >= f->pages || depth > DEPTH_MAX)
        return ERR_CORRUPT;
    page = malloc(f->page_bytes);
    if (!page)
        return ERR_NOMEM;
    TRY(read_at(f->fd, page, f->page_bytes, root * f->page_bytes));
    memcpy(&head, page, sizeof head);
    if (!(head.flags & (PAGE_BRANCH | PAGE_LEAF)) || head.lower < sizeof head || head.lower > f->page_bytes)
        return ERR_CORRUPT;
    for (size_t at = sizeof head; at + 2 <= head.lower; at += 2) {
        uint16_t node;

        memcpy(&node, page + at, sizeof node);
        TRY(check_node(f, page, node, (head.flags & PAGE_LEAF) != 0, depth));
    }
    return OK;
}

static enum err read_meta(int fd, struct meta *m, uint64_t at)
{
    size_t page_bytes;

    TRY(read_at(fd, m, sizeof *m, at));
    page_bytes = m->trees[0].pad;
    if (!(m->head.flags & PAGE_META) || m->magic != META_MAGIC || m->version != META_VERSION ||
        page_bytes < 512 || page_bytes > 65536 || (page_bytes & (page_bytes - 1)) != 0 || m->last_page < 1 ||
        m->last_page >= (uint64_t)1 << 47)
        return ERR_CORRUPT;
    return OK;
}

static enum err check_file(int fd)
{
    struct meta metas[2], *newest;
    struct file f = {.fd = fd};
    struct stat st;

    TRY(read_meta(fd, &metas[0], 0));
    f.page_bytes = metas[0].trees[0].pad;
    TRY(read_meta(fd, &metas[1], f.page_bytes));
    if (fstat(fd, &st))
        return ERR_IO;
    newest = &metas[metas[0].txn < metas[1].txn];
    f.pages = (uint64_t)st.st_size / f.page_bytes;
    if (newest->trees[0].pad != f.page_bytes)
        return ERR_CORRUPT;
    if (newest->last_page < f.pages)
        return OK;
    TRY(check_tree(&f, newest->trees[0].root, 0));
    return check_tree(&f, newest->trees[1].root, 0);
}

enum err lmdb_check(int env_fd, const char *name)
{
    CLEANUP(fd) int fd = openat(env_fd, "data.mdb", O_RDONLY | O_CLOEXEC);
    enum err e;

    if (fd < 0 && errno != ENOENT) {
        log_errno("store: cannot open %s/data.mdb", name);
        return ERR_IO;
    }
    e = fd < 0 ? ERR_CORRUPT : check_file(fd);
    if (e == ERR_IO)
        log_errno("store: cannot read %s/data.mdb", name);
    if (e == ERR_CORRUPT)
        log_error("store: %s/data.mdb is missing, cut short or damaged: restore it from a copy", name);
    return e;
}
