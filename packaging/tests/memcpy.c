/* Holds packaging/memcpy.c against copying octet by octet: all short lengths, many long ones, all ways to overlap. Says how many were right. */
#include <stdio.h>
#include <stdlib.h>

void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);

enum { ROOM = 8192 };
static unsigned char ours[ROOM], expected[ROOM], between[ROOM];

static void fill(void) {
    for (int i = 0; i < ROOM; i++) ours[i] = expected[i] = (unsigned char)rand();
}

static int check(const char *what, size_t n, size_t from, size_t to, void *returned) {
    if (returned != ours + to) {
        printf("%s of %zu octets returns another address\n", what, n);
        return 1;
    }
    for (size_t i = 0; i < n; i++) between[i] = expected[from + i];
    for (size_t i = 0; i < n; i++) expected[to + i] = between[i];
    for (int i = 0; i < ROOM; i++) {
        if (ours[i] != expected[i]) {
            printf("%s of %zu octets from %zu to %zu: octet %d is wrong\n", what, n, from, to, i);
            return 1;
        }
    }
    return 0;
}

int main(void) {
    long right = 0;
    srand(1);
    fill();
    for (size_t n = 0; n < 400; n++) {
        for (size_t from = 0; from < 80; from += n < 140 ? 3 : 11) {
            for (size_t to = 0; to < 200; to += n < 140 ? 7 : 13, right++) {
                if (check("memmove", n, from, to, __wrap_memmove(ours + to, ours + from, n))) return 1;
                if (right % 64 == 0) fill();
            }
        }
    }
    for (size_t n = 0; n < 3900; n += n < 300 ? 1 : 31) {
        for (size_t from = 0; from < 4; from++, right++) {
            fill();
            if (check("memcpy", n, from, ROOM / 2 + 3, __wrap_memcpy(ours + ROOM / 2 + 3, ours + from, n))) return 1;
        }
    }
    printf("%ld right\n", right);
    return 0;
}
