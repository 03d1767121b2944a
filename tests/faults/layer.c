/* A layer between releve and the system, for tests: LD_PRELOAD puts it there.
 *
 * LAYER_FILES  what begins with this path is watched
 * LAYER_LOG    every change of it is written here, in its order, with what was synchronised when
 * LAYER_DISK   a file: "MILLISECONDS" delays each write and sync of what is watched, "stuck" holds them until it says
 *              something else, "readonly" and "broken" refuse them, nothing or no file lets them pass
 * LAYER_CLOCK  a file: seconds by which the wall clock is moved; nothing or no file leaves it
 *
 * A record: kind, name's length (1 octet each), 0 0, offset (8), length (8), the name, the data of a write.
 * Kinds: W write, T truncate to offset, S the file is synchronised, C created, U removed, R renamed (the data is the new
 * name), D the folder is synchronised.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MOST 4096
static char *names[MOST];
static char folder[MOST];
static const char *files, *disk, *moved;
static int record = -1;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("LAYER_LOG");
    files = getenv("LAYER_FILES");
    disk = getenv("LAYER_DISK");
    moved = getenv("LAYER_CLOCK");
    if (log) record = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The text of a small file; 0 when there is none. */
static int said(const char *path, char *text, size_t size)
{
    if (!path) return 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t got = syscall(SYS_read, fd, text, size - 1);
    syscall(SYS_close, fd);
    text[got > 0 ? got : 0] = 0;
    return got > 0;
}

static void pause_for(long milliseconds)
{
    struct timespec t = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    syscall(SYS_nanosleep, &t, NULL);
}

/* Why the disk refuses, once it answers. */
static int refused(void)
{
    char text[32];
    while (said(disk, text, sizeof text)) {
        if (strncmp(text, "stuck", 5) == 0) {
            pause_for(10);
            continue;
        }
        if (strncmp(text, "readonly", 8) == 0) return EROFS;
        if (strncmp(text, "broken", 6) == 0) return EIO;
        pause_for(atol(text));
        return 0;
    }
    return 0;
}

/* Ends a function when the disk refuses. */
#define ASK_DISK() do { int why = refused(); if (why) { errno = why; return -1; } } while (0)

/* One record in one call: the log is opened for appending. */
static void note(char kind, const char *name, uint64_t offset, const void *data, uint64_t length)
{
    if (record < 0) return;
    unsigned char head[20] = { (unsigned char)kind, (unsigned char)strlen(name), 0, 0 };
    memcpy(head + 4, &offset, 8);
    memcpy(head + 12, &length, 8);
    struct iovec parts[3] = { { head, sizeof head }, { (void *)name, strlen(name) }, { (void *)data, data ? length : 0 } };
    syscall(SYS_writev, record, parts, 3);
}

/* The last part of a watched path, or nothing. */
static const char *watched(const char *path)
{
    if (!files || !path || strncmp(path, files, strlen(files)) != 0) return NULL;
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *name_of(int fd) { return fd >= 0 && fd < MOST ? names[fd] : NULL; }

static void opened(int fd, const char *path, int existed, int flags)
{
    if (fd < 0 || fd >= MOST) return;
    free(names[fd]);
    names[fd] = NULL;
    folder[fd] = 0;
    const char *name = watched(path);
    if (name) {
        names[fd] = strdup(name);
        if (!existed) note('C', name, 0, NULL, 0);
        else if (flags & O_TRUNC) note('T', name, 0, NULL, 0);
    } else if (files && path) {
        size_t length = strlen(path);
        const char *slash = strrchr(files, '/');
        folder[fd] = slash && length == (size_t)(slash - files) && strncmp(path, files, length) == 0;
    }
}

static int open_it(int at, const char *path, int flags, mode_t mode)
{
    int existed = 1;
    if (watched(path)) {
        existed = syscall(SYS_faccessat, at, path, F_OK) == 0;
        if (!existed || flags & O_TRUNC) ASK_DISK();
    }
    REAL(int, "openat64", int, const char *, int, ...);
    int fd = real(at, path, flags, mode);
    opened(fd, path, existed, flags);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { MODE(flags) return open_it(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_it(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_it(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_it(at, path, flags | O_LARGEFILE, mode); }

int close(int fd)
{
    REAL(int, "close", int);
    if (fd >= 0 && fd < MOST) {
        free(names[fd]);
        names[fd] = NULL;
        folder[fd] = 0;
    }
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t length)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    const char *name = name_of(fd);
    if (!name) return real(fd, data, length);
    ASK_DISK();
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = real(fd, data, length);
    if (done > 0) note('W', name, (uint64_t)at, data, (uint64_t)done);
    return done;
}

static ssize_t write_at(int fd, const void *data, size_t length, off_t at)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
    const char *name = name_of(fd);
    if (name) ASK_DISK();
    ssize_t done = real(fd, data, length, at);
    if (name && done > 0) note('W', name, (uint64_t)at, data, (uint64_t)done);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return write_at(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) { return write_at(fd, data, length, at); }

static int cut(int fd, off_t length)
{
    REAL(int, "ftruncate64", int, off_t);
    if (name_of(fd)) ASK_DISK();
    int done = real(fd, length);
    if (done == 0 && name_of(fd)) note('T', name_of(fd), (uint64_t)length, NULL, 0);
    return done;
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off_t length) { return cut(fd, length); }

static int synchronise(int fd)
{
    REAL(int, "fsync", int);
    if (name_of(fd) || (fd >= 0 && fd < MOST && folder[fd])) ASK_DISK();
    int done = real(fd);
    if (done == 0 && name_of(fd)) note('S', name_of(fd), 0, NULL, 0);
    if (done == 0 && fd >= 0 && fd < MOST && folder[fd]) note('D', "", 0, NULL, 0);
    return done;
}

int fsync(int fd) { return synchronise(fd); }
int fdatasync(int fd) { return synchronise(fd); }

int unlink(const char *path)
{
    REAL(int, "unlink", const char *);
    int done = real(path);
    if (done == 0 && watched(path)) note('U', watched(path), 0, NULL, 0);
    return done;
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    int done = real(from, to);
    const char *name = watched(from), *next = watched(to);
    if (done == 0 && name && next) note('R', name, 0, next, strlen(next));
    return done;
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int done = real(which, t);
    char text[32];
    if (done == 0 && which == CLOCK_REALTIME && said(moved, text, sizeof text)) t->tv_sec += atoll(text);
    return done;
}
