/*
 * Loaded before libc (LD_PRELOAD), writes down what a process does to the files of a folder: every write with its bytes, every
 * change of a length or of a name, every fsync. From that the test makes what would be on the disk had the power been lost.
 *
 *   FLOE_TRACE          the file to write to
 *   FLOE_TRACE_ROOT     the folder to watch, as an absolute path
 *   FLOE_TRACE_SWALLOW  files whose names end so are synced in name only: as if whoever wrote the program had forgotten it
 *
 * One operation is one record, appended in one write while a lock is held: the order of records is the order of operations.
 * An fsync is two records: only what was written before it began is on the disk when it has ended. The real one is spared: what
 * counts is what was asked for.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPENED = 1, WROTE, CUT, SYNC_BEGUN, SYNCED, RENAMED, REMOVED };

struct record {
  uint32_t kind;
  uint32_t name_length; /* of the path, for RENAMED of both with a zero between */
  uint64_t file;        /* a number for each time that a file was opened */
  uint64_t offset;      /* for CUT the new length */
  uint64_t length;      /* of the bytes that follow the name */
};

#define MOST_FILES 65536
static uint64_t files[MOST_FILES]; /* by descriptor; 0: not one of ours */
static char swallowed[MOST_FILES];
static uint64_t next_file = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static const char *root, *swallow;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("FLOE_TRACE");
  root = getenv("FLOE_TRACE_ROOT");
  swallow = getenv("FLOE_TRACE_SWALLOW");
  if (path && root) out = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), wanted = strlen(end);
  return length >= wanted && !strcmp(text + length - wanted, end);
}

/* The shared memory of the log's index is made anew at each start. */
static int watched(const char *path) {
  return out >= 0 && !strncmp(path, root, strlen(root)) && !ends_with(path, "-shm");
}

static uint64_t file_of(int fd) { return fd >= 0 && fd < MOST_FILES ? files[fd] : 0; }

/* With the lock held. */
static void tell(enum kind kind, uint64_t file, const char *name, size_t name_length, uint64_t offset, const void *bytes,
                 uint64_t length) {
  struct record record = {kind, (uint32_t)name_length, file, offset, length};
  struct iovec parts[] = {
      {&record, sizeof record}, {(void *)name, name_length}, {(void *)bytes, bytes ? length : 0}};
  if (!bytes) record.length = 0;
  size_t whole = sizeof record + name_length + record.length;
  if (REAL(writev)(out, parts, 3) != (ssize_t)whole) abort();
}

static int opened(int fd, const char *path, int flags, int existed) {
  if (fd < 0 || fd >= MOST_FILES) return fd;
  files[fd] = 0;
  if (!watched(path)) return fd;
  files[fd] = next_file++;
  swallowed[fd] = swallow && ends_with(path, swallow);
  tell(OPENED, files[fd], path, strlen(path), 0, NULL, 0);
  if (existed && (flags & O_TRUNC)) tell(CUT, files[fd], "", 0, 0, NULL, 0);
  return fd;
}

static int open_any(const char *path, int flags, mode_t mode) {
  static int (*real_open)(const char *, int, ...);
  if (!real_open) real_open = REAL(open);
  if (!watched(path)) {
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < MOST_FILES) files[fd] = 0;
    return fd;
  }
  pthread_mutex_lock(&lock);
  int existed = !access(path, F_OK);
  int fd = opened(real_open(path, flags, mode), path, flags, existed);
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_any(path, flags | O_LARGEFILE, mode);
}

/* Of what is relative to a folder nothing is written down: Floe opens its data by whole paths. */
int openat64(int folder, const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  if (path[0] == '/') return open_any(path, flags | O_LARGEFILE, mode);
  int fd = REAL(openat64)(folder, path, flags, mode);
  if (fd >= 0 && fd < MOST_FILES) files[fd] = 0;
  return fd;
}

int close(int fd) {
  if (fd >= 0 && fd < MOST_FILES) files[fd] = 0;
  return REAL(close)(fd);
}

#define WRITTEN(call, offset_before, bytes)                                                       \
  do {                                                                                            \
    uint64_t file = file_of(fd);                                                                  \
    if (!file) return call;                                                                       \
    pthread_mutex_lock(&lock);                                                                    \
    uint64_t at = (uint64_t)(offset_before);                                                      \
    ssize_t written = call;                                                                       \
    int error = errno;                                                                            \
    if (written > 0) tell(WROTE, file, "", 0, at, bytes, (uint64_t)written);                      \
    pthread_mutex_unlock(&lock);                                                                  \
    errno = error;                                                                                \
    return written;                                                                               \
  } while (0)

static off_t place(int fd) {
  struct stat about;
  if (fcntl(fd, F_GETFL) & O_APPEND) return fstat(fd, &about) ? 0 : about.st_size;
  return lseek(fd, 0, SEEK_CUR);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  WRITTEN(REAL(pwrite)(fd, bytes, length, offset), offset, bytes);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  WRITTEN(REAL(pwrite64)(fd, bytes, length, offset), offset, bytes);
}
ssize_t write(int fd, const void *bytes, size_t length) { WRITTEN(REAL(write)(fd, bytes, length), place(fd), bytes); }

/* What would escape the trace must not be used. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (file_of(fd)) abort();
  return REAL(writev)(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  if (file_of(fd)) abort();
  return REAL(pwritev)(fd, parts, count, offset);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
  if (file_of(fd)) abort();
  return REAL(fallocate)(fd, mode, offset, length);
}

static int cut(int fd, off64_t length) {
  uint64_t file = file_of(fd);
  pthread_mutex_lock(&lock);
  int failed = REAL(ftruncate64)(fd, length);
  int error = errno;
  if (file && !failed) tell(CUT, file, "", 0, (uint64_t)length, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return failed;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

static int sync_any(int fd, int (*real_sync)(int)) {
  uint64_t file = file_of(fd);
  if (!file) return real_sync(fd);
  if (swallowed[fd]) return 0;
  pthread_mutex_lock(&lock);
  tell(SYNC_BEGUN, file, "", 0, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  pthread_mutex_lock(&lock);
  tell(SYNCED, file, "", 0, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return 0;
}
int fsync(int fd) { return sync_any(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_any(fd, REAL(fdatasync)); }

int rename(const char *from, const char *to) {
  if (!watched(from)) return REAL(rename)(from, to);
  char both[8192];
  int length = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
  pthread_mutex_lock(&lock);
  int failed = REAL(rename)(from, to);
  int error = errno;
  if (!failed) tell(RENAMED, 0, both, (size_t)length, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return failed;
}

int unlink(const char *path) {
  if (!watched(path)) return REAL(unlink)(path);
  pthread_mutex_lock(&lock);
  int failed = REAL(unlink)(path);
  int error = errno;
  if (!failed) tell(REMOVED, 0, path, strlen(path), 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return failed;
}
