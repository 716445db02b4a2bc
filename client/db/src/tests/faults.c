/* A disk with faults, for the tests of the database: preloaded (LD_PRELOAD) into the process that writes.
 *
 * QUIDS_FAULT=kind:n  from the n-th write or sync of a file in QUIDS_FAULT_FOLDER on:
 *   full      a part is written, then ENOSPC; syncs work
 *   broken    EIO, for opening to write, and for names, too
 *   flaky     a part is written, and EIO, once; then all is well
 *   readonly  EROFS, for opening to write, and for names, too
 *   torn      a part of that write is there, and the process is gone
 *   lost      nothing reaches the disk any more, and everything is said to have succeeded
 * QUIDS_FAULT_START   a file: nothing counts before it is opened
 * QUIDS_FAULT_PASSED  a file that gets the number of what counted, if the process ends by itself
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NONE, FULL, BROKEN, FLAKY, READONLY, TORN, LOST };
static const char *const KINDS[] = {"", "full", "broken", "flaky", "readonly", "torn", "lost"};

static enum kind kind = NONE;
static long from = 0;
static long passed = 0;
static int has_started = 0;
static char folder[4096], start[4096], passed_file[4096];

static int get(const char *name, char *value, size_t size) {
    const char *found = getenv(name);
    return found && (size_t)snprintf(value, size, "%s", found) < size;
}

__attribute__((constructor)) static void begin(void) {
    const char *fault = getenv("QUIDS_FAULT");
    const char *colon = fault ? strchr(fault, ':') : NULL;
    if (!colon || !get("QUIDS_FAULT_FOLDER", folder, sizeof folder) || !get("QUIDS_FAULT_START", start, sizeof start) ||
        !get("QUIDS_FAULT_PASSED", passed_file, sizeof passed_file))
        return;
    from = atol(colon + 1);
    for (int each = FULL; each <= LOST; each++)
        if (strncmp(KINDS[each], fault, (size_t)(colon - fault)) == 0 && strlen(KINDS[each]) == (size_t)(colon - fault))
            kind = each;
}

__attribute__((destructor)) static void end(void) {
    FILE *file = kind == NONE ? NULL : fopen(passed_file, "w");
    if (!file)
        return;
    fprintf(file, "%ld", __atomic_load_n(&passed, __ATOMIC_SEQ_CST));
    fclose(file);
}

static int is_ours(const char *path) {
    return kind != NONE && __atomic_load_n(&has_started, __ATOMIC_SEQ_CST) && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_our_file(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_ours(path);
}

/* Whether the fault is there by now; counts what passes. */
static int counts(void) {
    long now = __atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST);
    return kind == FLAKY ? now == from : now >= from;
}

static int is_there(void) { return __atomic_load_n(&passed, __ATOMIC_SEQ_CST) >= from; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* What a disk that takes nothing any more says of what is no write; 0 if there is none such. */
static int refusal(const char *path) {
    if ((kind != READONLY && kind != BROKEN) || !is_ours(path) || !is_there())
        return 0;
    errno = kind == READONLY ? EROFS : EIO;
    return -1;
}

/* What a write comes to: 1 if it has its result, 0 if it is to be made. */
static int fails(size_t length, ssize_t (*make)(const void *, size_t), const void *with, ssize_t *result) {
    switch (kind) {
    case LOST:
        *result = (ssize_t)length;
        return 1;
    case TORN:
        make(with, length / 2);
        kill(getpid(), SIGKILL);
        return 0;
    case FULL:
        if (length > 1 && __atomic_load_n(&passed, __ATOMIC_SEQ_CST) == from) {
            *result = make(with, length / 2);
            return 1;
        }
        errno = ENOSPC;
        break;
    case READONLY:
        errno = EROFS;
        break;
    case FLAKY:
        make(with, length / 2);
        errno = EIO;
        break;
    default:
        errno = EIO;
    }
    *result = -1;
    return 1;
}

struct place {
    int fd;
    const void *bytes;
    off_t at;
};

static ssize_t write_part(const void *with, size_t length) {
    const struct place *place = with;
    return REAL(write)(place->fd, place->bytes, length);
}

static ssize_t pwrite_part(const void *with, size_t length) {
    const struct place *place = with;
    return REAL(pwrite64)(place->fd, place->bytes, length, place->at);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    struct place place = {fd, bytes, 0};
    ssize_t result;
    if (is_our_file(fd) && counts() && fails(length, write_part, &place, &result))
        return result;
    return REAL(write)(fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    struct place place = {fd, bytes, at};
    ssize_t result;
    if (is_our_file(fd) && counts() && fails(length, pwrite_part, &place, &result))
        return result;
    return REAL(pwrite64)(fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

static int sync_fails(int fd, int *result) {
    if (!is_our_file(fd) || !counts() || kind == FULL || kind == TORN)
        return 0;
    errno = kind == READONLY ? EROFS : EIO;
    *result = kind == LOST ? 0 : -1;
    return 1;
}

int fsync(int fd) {
    int result;
    return sync_fails(fd, &result) ? result : REAL(fsync)(fd);
}

int fdatasync(int fd) {
    int result;
    return sync_fails(fd, &result) ? result : REAL(fdatasync)(fd);
}

/* What is opened anew may be a file whose removal was lost: it keeps what it has. */
#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;                                      \
        va_end(list);                                                                                                  \
        if (kind != NONE && strcmp(path, start) == 0)                                                                  \
            __atomic_store_n(&has_started, 1, __ATOMIC_SEQ_CST);                                                       \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && refusal(path))                                                  \
            return -1;                                                                                                 \
        if (kind == LOST && is_ours(path) && is_there())                                                               \
            flags &= ~O_TRUNC;                                                                                         \
        return REAL(name)(path, flags, mode);                                                                          \
    }

OPEN(open)
OPEN(open64)

/* With the disk lost, names stay as they are too. */
#define NAMES(name, parameters, arguments, path)                                                                       \
    int name parameters {                                                                                              \
        if (is_ours(path) && is_there() && kind == LOST)                                                               \
            return 0;                                                                                                  \
        return refusal(path) ? -1 : REAL(name) arguments;                                                              \
    }

NAMES(rename, (const char *old, const char *new), (old, new), old)
NAMES(unlink, (const char *path), (path), path)
NAMES(link, (const char *old, const char *new), (old, new), old)

/* A folder that is lost is an empty one. */
int mkdir(const char *path, mode_t mode) { return refusal(path) ? -1 : REAL(mkdir)(path, mode); }

int ftruncate64(int fd, off_t length) {
    if (kind == LOST && is_there() && is_our_file(fd))
        return 0;
    return REAL(ftruncate64)(fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
