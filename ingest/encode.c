/*
 * Renditions are written by libjpeg itself: a third faster than through
 * libvips, whose writer starts a thread for each picture.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
#include <jerror.h>
#include "ingest/pixels.h"

struct encoder {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    unsigned char *jpeg; /* libjpeg's, from malloc */
    unsigned long len;
};

static void fail(j_common_ptr c)
{
    struct encoder *e = c->client_data;

    longjmp(e->failed, 1);
}

static void ignore(j_common_ptr c, int level)
{
    (void)c, (void)level;
}

static void set_up(struct encoder *e, const struct pixels *in, int quality)
{
    jpeg_create_compress(&e->c);
    jpeg_mem_dest(&e->c, &e->jpeg, &e->len);
    e->c.image_width = in->width;
    e->c.image_height = in->height;
    e->c.input_components = (int)in->bands;
    e->c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e->c);
    jpeg_set_quality(&e->c, quality, TRUE);
    e->c.optimize_coding = TRUE;
    e->c.density_unit = 1; /* 72 dots per inch, said of every picture alike */
    e->c.X_density = e->c.Y_density = 72;
}

static enum err write_jpeg(struct encoder *e, const struct pixels *in, int quality)
{
    if (setjmp(e->failed))
        return e->errors.msg_code == JERR_OUT_OF_MEMORY ? ERR_NOMEM : ERR_MALFORMED;
    set_up(e, in, quality);
    jpeg_start_compress(&e->c, TRUE);
    while (e->c.next_scanline < in->height) {
        JSAMPROW row = in->bytes + (size_t)e->c.next_scanline * in->width * in->bands;

        (void)jpeg_write_scanlines(&e->c, &row, 1);
    }
    jpeg_finish_compress(&e->c);
    return OK;
}

enum err pixels_encode(struct buf *out, const struct pixels *in, int quality)
{
    struct encoder e = {0};
    enum err result;

    e.c.err = jpeg_std_error(&e.errors);
    e.c.client_data = &e;
    e.errors.error_exit = fail;
    e.errors.emit_message = ignore;
    result = write_jpeg(&e, in, quality);
    jpeg_destroy_compress(&e.c);
    if (!result) {
        buf_truncate(out, 0);
        result = buf_append(out, e.jpeg, e.len);
    }
    free(e.jpeg);
    return result;
}
