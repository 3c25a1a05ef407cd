/* Stands between a process and its system: system calls on files of one folder fail when they are
   told to, writes are recorded with all that they write, room on the disk ends, and clocks jump.

   Loaded with LD_PRELOAD; told by shim.py, in the process itself. Without orders it passes every
   call on. A forked child begins with its parent's orders. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN, READ, WRITE, SYNC, TRUNCATE, MMAP, UNLINK, RENAME, NOTE, KINDS };

static struct {
    char folder[PATH_MAX]; /* only files under it are meant */
    size_t length;
    int armed, kind, error;
    long nth, times;       /* from the nth call on, so many calls fail; -1: all */
    long counted[KINDS];
    long fired;
    long room;             /* bytes that may still be written; -1: any number */
    int log;               /* where calls are recorded, or -1 */
    double ahead;          /* seconds that the clock is ahead */
} orders = {.room = -1, .log = -1};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define MOST 4096
static unsigned char is_ours[MOST]; /* by descriptor: opened under the folder */
static char *name_of[MOST];

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int under_folder(const char *path) {
    return orders.length && path && !strncmp(path, orders.folder, orders.length);
}

static int ours(int fd) { return fd >= 0 && fd < MOST && is_ours[fd]; }

/* Count a call, and say with which error it has to fail; 0 if with none. */
static int fails(int kind) {
    if (!orders.armed) return 0;
    pthread_mutex_lock(&lock);
    long number = ++orders.counted[kind];
    int failing = kind == orders.kind && orders.nth > 0 && number >= orders.nth &&
                  (orders.times < 0 || number < orders.nth + orders.times);
    if (failing) orders.fired++;
    pthread_mutex_unlock(&lock);
    return failing ? orders.error : 0;
}

/* Take room for so many bytes, and return how many there is room for. */
static size_t room_for(size_t wanted) {
    if (orders.room < 0) return wanted;
    pthread_mutex_lock(&lock);
    size_t given = (long)wanted < orders.room ? wanted : (size_t)orders.room;
    orders.room -= (long)given;
    if (given < wanted) orders.fired++;
    pthread_mutex_unlock(&lock);
    return given;
}

struct head { int32_t kind, path_length; int64_t offset, length; };

/* Append a call to the log: its head, its path, its bytes. */
static void record(int kind, const char *path, int64_t offset, const void *bytes, size_t length) {
    if (orders.log < 0) return;
    const char *name = path ? path : "";
    struct head head = {kind, (int32_t)strlen(name), offset, bytes ? (int64_t)length : 0};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, strlen(name)},
                             {(void *)bytes, bytes ? length : 0}};
    pthread_mutex_lock(&lock);
    syscall(SYS_writev, orders.log, parts, 3);
    pthread_mutex_unlock(&lock);
}

/* The orders, from shim.py. */

void torture_folder(const char *folder) {
    strncpy(orders.folder, folder, sizeof orders.folder - 1);
    orders.length = strlen(orders.folder);
}

void torture_fail(int kind, long nth, int error, long times) {
    memset(orders.counted, 0, sizeof orders.counted);
    orders.fired = 0;
    orders.kind = kind, orders.nth = nth, orders.error = error, orders.times = times;
    orders.armed = 1;
}

void torture_disarm(void) { orders.armed = 0, orders.room = -1; }
void torture_room(long bytes) { orders.fired = 0, orders.room = bytes; }
void torture_record(int log) { orders.log = log; }
void torture_note(long number) { record(NOTE, "", number, NULL, 0); }
void torture_ahead(double seconds) { orders.ahead = seconds; }
long torture_counted(int kind) { return orders.counted[kind]; }
long torture_fired(void) { return orders.fired; }

/* The calls. */

static int opened(int fd, const char *path, int flags, int was_there) {
    if (fd < 0 || fd >= MOST) return fd;
    free(name_of[fd]);
    is_ours[fd] = under_folder(path);
    name_of[fd] = is_ours[fd] ? strdup(path) : NULL;
    /* 1: it is new, 2: it is emptied */
    if (is_ours[fd] && ((flags & O_TRUNC) || !was_there))
        record(OPEN, path, was_there ? 2 : 1, NULL, 0);
    return fd;
}

static int open_any(int folder, const char *path, int flags, mode_t mode) {
    int error = under_folder(path) ? fails(OPEN) : 0;
    if (error) { errno = error; return -1; }
    int was_there = !(flags & O_CREAT) || syscall(SYS_faccessat, folder, path, F_OK) == 0;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    return opened(fd, path, flags, was_there);
}

#define MODE \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) { MODE return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_any(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) {
    MODE return open_any(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE return open_any(folder, path, flags, mode);
}

int close(int fd) {
    REAL(close);
    if (ours(fd)) is_ours[fd] = 0;
    return real(fd);
}

static ssize_t write_any(int fd, const void *bytes, size_t length, off64_t offset, int at) {
    if (ours(fd)) {
        int error = fails(WRITE);
        size_t given = error ? 0 : room_for(length);
        if (error || (length && !given)) { errno = error ? error : ENOSPC; return -1; }
        length = given;
        if (!at) offset = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    }
    ssize_t written = at ? syscall(SYS_pwrite64, fd, bytes, length, offset)
                         : syscall(SYS_write, fd, bytes, length);
    if (written > 0 && ours(fd)) record(WRITE, name_of[fd], offset, bytes, (size_t)written);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t n) { return write_any(fd, bytes, n, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    return write_any(fd, bytes, n, at, 1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    return write_any(fd, bytes, n, at, 1);
}

ssize_t read(int fd, void *bytes, size_t n) {
    int error = ours(fd) ? fails(READ) : 0;
    if (error) { errno = error; return -1; }
    return syscall(SYS_read, fd, bytes, n);
}

static ssize_t pread_any(int fd, void *bytes, size_t n, off64_t at) {
    int error = ours(fd) ? fails(READ) : 0;
    if (error) { errno = error; return -1; }
    return syscall(SYS_pread64, fd, bytes, n, at);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at) { return pread_any(fd, bytes, n, at); }
ssize_t pread64(int fd, void *bytes, size_t n, off64_t at) { return pread_any(fd, bytes, n, at); }

static int sync_any(int fd, long number) {
    int error = ours(fd) ? fails(SYNC) : 0;
    if (error) { errno = error; return -1; }
    int answer = (int)syscall(number, fd);
    if (!answer && ours(fd)) record(SYNC, name_of[fd], 0, NULL, 0);
    return answer;
}

int fsync(int fd) { return sync_any(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_any(fd, SYS_fdatasync); }

static int truncate_any(int fd, off64_t length) {
    int error = ours(fd) ? fails(TRUNCATE) : 0;
    if (error) { errno = error; return -1; }
    int answer = (int)syscall(SYS_ftruncate, fd, length);
    if (!answer && ours(fd)) record(TRUNCATE, name_of[fd], length, NULL, 0);
    return answer;
}

int ftruncate(int fd, off_t length) { return truncate_any(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_any(fd, length); }

static void *mmap_any(void *at, size_t length, int kind, int flags, int fd, off64_t offset) {
    int error = ours(fd) ? fails(MMAP) : 0;
    if (error) { errno = error; return MAP_FAILED; }
    return (void *)syscall(SYS_mmap, at, length, kind, flags, fd, offset);
}

void *mmap(void *at, size_t length, int kind, int flags, int fd, off_t offset) {
    return mmap_any(at, length, kind, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int kind, int flags, int fd, off64_t offset) {
    return mmap_any(at, length, kind, flags, fd, offset);
}

int unlink(const char *path) {
    REAL(unlink);
    int error = under_folder(path) ? fails(UNLINK) : 0;
    if (error) { errno = error; return -1; }
    int answer = real(path);
    if (!answer && under_folder(path)) record(UNLINK, path, 0, NULL, 0);
    return answer;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    int error = under_folder(to) ? fails(RENAME) : 0;
    if (error) { errno = error; return -1; }
    int answer = real(from, to);
    if (!answer && under_folder(to)) record(RENAME, from, 0, to, strlen(to));
    return answer;
}

/* The clock of the day jumps; the one that measures how long things take does not. */

int clock_gettime(clockid_t clock, struct timespec *now) {
    int answer = (int)syscall(SYS_clock_gettime, clock, now);
    if (!answer && clock == CLOCK_REALTIME && orders.ahead != 0.0)
        now->tv_sec += (time_t)orders.ahead;
    return answer;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    if (at) *at = exact.tv_sec;
    return exact.tv_sec;
}
