/*
 * Records what a program does to the files of one directory, in the order in which it happens. Preloaded.
 *
 * POWER_CUT_DIR      the directory, with all its subdirectories
 * POWER_CUT_LOG      the file that the records are appended to
 * POWER_CUT_CONTROL  a directory. While it has a file "full", writing fails with ENOSPC, every other time after half of
 *                    it was written; while it has a file "fail-write", writing fails with EIO; while it has a file
 *                    "fail-sync", syncs fail with EIO and nothing becomes durable.
 *
 * A record is: kind, file, number, length, bytes. Kind is one byte, file and number have 8, length has 4, big-endian.
 * Files are numbered by their inodes; 'C' begins a new file.
 *
 *   C path            a new file                     W bytes at number       written
 *   M path            a new directory                T number                has this length
 *   L from \0 to      another name                   B                       a sync begins
 *   R from \0 to      a new name                     E number                it has ended well; its B is that record
 *   U path            a name less                    A bytes                 written to ".acknowledged"
 *   b, e              B and E of a directory
 *
 * Not followed: "*-shm", which SQLite makes anew after a crash; memory maps; copies inside the kernel; system calls that
 * do not go through the C library.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
enum { NOT, DATA, DIRECTORY, ACKNOWLEDGED };

static char root[PATH_MAX], control[PATH_MAX];
static int log_fd = -1;
static uint64_t records;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { unsigned char kind; uint64_t file; } fds[FDS];

static void die(const char *what) {
    static const char prefix[] = "power-cut: ";
    syscall(SYS_write, 2, prefix, sizeof prefix - 1);
    syscall(SYS_write, 2, what, strlen(what));
    syscall(SYS_write, 2, "\n", 1);
    abort();
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("POWER_CUT_DIR"), *log = getenv("POWER_CUT_LOG"), *controls = getenv("POWER_CUT_CONTROL");
    if (!dir || !log || !controls || !realpath(dir, root)) die("POWER_CUT_DIR, POWER_CUT_LOG or POWER_CUT_CONTROL");
    if (strlen(controls) > PATH_MAX - 16) die("POWER_CUT_CONTROL is too long");
    strcpy(control, controls);
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) die("POWER_CUT_LOG cannot be written");
}

static int controlled(const char *what) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", control, what);
    return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

/* Appends a record and answers its number. Under the lock. */
static uint64_t record(char kind, uint64_t file, uint64_t number, const void *bytes, size_t length) {
    unsigned char head[21] = { kind };
    for (int i = 0; i < 8; i++) {
        head[1 + i] = file >> (56 - 8 * i);
        head[9 + i] = number >> (56 - 8 * i);
    }
    for (int i = 0; i < 4; i++) head[17 + i] = length >> (24 - 8 * i);
    struct iovec parts[2] = { { head, sizeof head }, { (void *)bytes, length } };
    if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof head + length)) die("POWER_CUT_LOG: a write failed");
    return records++;
}

/* The path below the root; NULL if it is not followed. */
static const char *below(int dir, const char *path, char *buffer) {
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return NULL;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return NULL;
            base[length] = 0;
        }
    }
    if (snprintf(buffer, 2 * PATH_MAX, "%s%s%s", base, path[0] == '/' ? "" : "/", path) >= 2 * PATH_MAX) return NULL;
    size_t length = strlen(root);
    if (strncmp(buffer, root, length) != 0) return NULL;
    if (buffer[length] == 0) return buffer + length;
    if (buffer[length] != '/') return NULL;
    size_t whole = strlen(buffer);
    if (whole >= 4 && strcmp(buffer + whole - 4, "-shm") == 0) return NULL;
    return buffer + length + 1;
}

static int open_followed(int dir, const char *path, int flags, mode_t mode) {
    char buffer[2 * PATH_MAX];
    const char *name = below(dir, path, buffer);
    if (!name || (flags & O_PATH)) return syscall(SYS_openat, dir, path, flags, mode);
    pthread_mutex_lock(&lock);
    int fresh = syscall(SYS_faccessat, dir, path, F_OK) != 0;
    int fd = syscall(SYS_openat, dir, path, flags, mode), error = errno;
    struct stat status;
    if (fd >= FDS) die("too many files");
    if (fd >= 0 && fstat(fd, &status) == 0) {
        fds[fd].file = status.st_ino;
        fds[fd].kind = S_ISDIR(status.st_mode) ? DIRECTORY : strcmp(name, ".acknowledged") == 0 ? ACKNOWLEDGED : DATA;
        if (fds[fd].kind == DATA && fresh) record('C', status.st_ino, 0, name, strlen(name));
        if (fds[fd].kind == DATA && !fresh && (flags & O_TRUNC)) record('T', status.st_ino, 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE(flags, last) ({ mode_t mode_ = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list_; \
    va_start(list_, last); mode_ = va_arg(list_, unsigned); va_end(list_); } mode_; })

int open(const char *path, int flags, ...) { return open_followed(AT_FDCWD, path, flags, MODE(flags, flags)); }
int open64(const char *path, int flags, ...) { return open_followed(AT_FDCWD, path, flags | O_LARGEFILE, MODE(flags, flags)); }
int openat(int dir, const char *path, int flags, ...) { return open_followed(dir, path, flags, MODE(flags, flags)); }
int openat64(int dir, const char *path, int flags, ...) { return open_followed(dir, path, flags | O_LARGEFILE, MODE(flags, flags)); }
int creat(const char *path, mode_t mode) { return open_followed(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    if (fd >= 0 && fd < FDS) fds[fd].kind = NOT;
    return syscall(SYS_close, fd);
}

static int kind_of(int fd) { return fd >= 0 && fd < FDS ? fds[fd].kind : NOT; }

/* All writing comes through here. An offset of -1 is where the file stands. */
static ssize_t write_followed(int fd, const struct iovec *parts, int count, off64_t offset) {
    if (kind_of(fd) != DATA && kind_of(fd) != ACKNOWLEDGED)
        return offset < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, (long)offset, 0L);
    size_t length = 0, at = 0;
    for (int i = 0; i < count; i++) length += parts[i].iov_len;
    char *bytes = malloc(length + 1);
    if (!bytes) die("no memory");
    for (int i = 0; i < count; at += parts[i++].iov_len) memcpy(bytes + at, parts[i].iov_base, parts[i].iov_len);
    pthread_mutex_lock(&lock);
    ssize_t written;
    int error = 0;
    if (kind_of(fd) == ACKNOWLEDGED) {
        record('A', 0, 0, bytes, length);
        written = length;
    } else {
        static int half;
        int full = controlled("full");
        if (full && (half = !half) && length > 1) length /= 2;
        else if (full) error = ENOSPC;
        if (controlled("fail-write")) error = EIO;
        struct stat status;
        off64_t where = offset;
        if (where < 0 && (fcntl(fd, F_GETFL) & O_APPEND)) where = fstat(fd, &status) == 0 ? status.st_size : 0;
        else if (where < 0) where = lseek64(fd, 0, SEEK_CUR);
        if (error) written = -1;
        else if (offset < 0) written = syscall(SYS_write, fd, bytes, length);
        else written = syscall(SYS_pwrite64, fd, bytes, length, (long)offset);
        if (!error) error = errno;
        if (written > 0) record('W', fds[fd].file, where, bytes, written);
    }
    pthread_mutex_unlock(&lock);
    free(bytes);
    if (written < 0) errno = error;
    return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    struct iovec part = { (void *)bytes, length };
    return write_followed(fd, &part, 1, -1);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    struct iovec part = { (void *)bytes, length };
    return write_followed(fd, &part, 1, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return pwrite(fd, bytes, length, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_followed(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return write_followed(fd, parts, count, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return write_followed(fd, parts, count, offset); }

int ftruncate(int fd, off_t length) {
    if (kind_of(fd) != DATA) return syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int done = syscall(SYS_ftruncate, fd, length), error = errno;
    if (done == 0) record('T', fds[fd].file, length, "", 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int fallocate(int fd, int mode, off_t offset, off_t length) {
    struct stat status;
    if (kind_of(fd) != DATA) return syscall(SYS_fallocate, fd, mode, offset, length);
    if (mode != 0) { errno = EOPNOTSUPP; return -1; }
    if (controlled("full")) { errno = ENOSPC; return -1; }
    if (fstat(fd, &status) != 0 || status.st_size >= offset + length) return 0;
    return ftruncate(fd, offset + length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

/* No real sync: the disk is imagined. It takes as long as a fast one, so that others queue meanwhile. */
static int sync_followed(int fd, long call) {
    int kind = kind_of(fd);
    if (kind != DATA && kind != DIRECTORY) return syscall(call, fd);
    uint64_t file = fds[fd].file;
    pthread_mutex_lock(&lock);
    int fails = controlled("fail-sync");
    uint64_t began = fails ? 0 : record(kind == DATA ? 'B' : 'b', file, 0, "", 0);
    pthread_mutex_unlock(&lock);
    usleep(200);
    if (fails) { errno = EIO; return -1; }
    pthread_mutex_lock(&lock);
    record(kind == DATA ? 'E' : 'e', file, began, "", 0);
    pthread_mutex_unlock(&lock);
    return 0;
}
int fsync(int fd) { return sync_followed(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_followed(fd, SYS_fdatasync); }

/* Names. `call` is done under the lock, and recorded if it succeeded. */
#define NAMED(kind, call, dir, path) ({ char a_[2 * PATH_MAX]; const char *name_ = below(dir, path, a_); \
    pthread_mutex_lock(&lock); int done_ = (call), error_ = errno; \
    if (done_ == 0 && name_) record(kind, 0, 0, name_, strlen(name_)); \
    pthread_mutex_unlock(&lock); errno = error_; done_; })

static int renamed(char kind, int done, const char *from, const char *to) {
    int error = errno;
    if (done == 0 && (!from != !to)) die("a name that leaves or enters the directory");
    if (done == 0 && from) {
        char both[4 * PATH_MAX + 1];
        size_t first = strlen(from), second = strlen(to);
        memcpy(both, from, first + 1);
        memcpy(both + first + 1, to, second);
        record(kind, 0, 0, both, first + 1 + second);
    }
    errno = error;
    return done;
}
#define TWICE(kind, call, from_dir, from, to_dir, to) ({ char a_[2 * PATH_MAX], b_[2 * PATH_MAX]; \
    const char *from_ = below(from_dir, from, a_), *to_ = below(to_dir, to, b_); \
    pthread_mutex_lock(&lock); int done_ = renamed(kind, (call), from_, to_), error_ = errno; \
    pthread_mutex_unlock(&lock); errno = error_; done_; })

int unlink(const char *path) { return NAMED('U', syscall(SYS_unlinkat, AT_FDCWD, path, 0), AT_FDCWD, path); }
int unlinkat(int dir, const char *path, int flags) { return NAMED('U', syscall(SYS_unlinkat, dir, path, flags), dir, path); }
int rmdir(const char *path) { return NAMED('U', syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR), AT_FDCWD, path); }
int mkdir(const char *path, mode_t mode) { return NAMED('M', syscall(SYS_mkdirat, AT_FDCWD, path, mode), AT_FDCWD, path); }
int mkdirat(int dir, const char *path, mode_t mode) { return NAMED('M', syscall(SYS_mkdirat, dir, path, mode), dir, path); }
int rename(const char *from, const char *to) { return TWICE('R', syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int a, const char *from, int b, const char *to) { return TWICE('R', syscall(SYS_renameat2, a, from, b, to, 0), a, from, b, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return TWICE('R', syscall(SYS_renameat2, a, from, b, to, flags), a, from, b, to); }
int link(const char *from, const char *to) { return TWICE('L', syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0), AT_FDCWD, from, AT_FDCWD, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return TWICE('L', syscall(SYS_linkat, a, from, b, to, flags), a, from, b, to); }
