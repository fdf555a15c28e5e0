/* memcpy and memmove of the static program on x86_64, in place of musl's: those are `rep movsq` for whatever length, which costs some dozens of
 * cycles before the first octet moves, and most copies are of a few dozen octets. SSE2 is in every x86_64. */
#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m128i part;

static inline part get(const char *from) { return _mm_loadu_si128((const part *)from); }
static inline void put(char *to, part octets) { _mm_storeu_si128((part *)to, octets); }

/* Everything is read before anything is written, so the two may overlap. */
#define ENDS(type)                                                                                                                       \
    do {                                                                                                                                 \
        type first, last;                                                                                                                \
        __builtin_memcpy(&first, from, sizeof first);                                                                                    \
        __builtin_memcpy(&last, from + n - sizeof last, sizeof last);                                                                    \
        __builtin_memcpy(to, &first, sizeof first);                                                                                      \
        __builtin_memcpy(to + n - sizeof last, &last, sizeof last);                                                                      \
    } while (0)

static inline void up_to_128(char *to, const char *from, size_t n) {
    if (n <= 16) {
        if (n >= 8) ENDS(uint64_t);
        else if (n >= 4) ENDS(uint32_t);
        else if (n >= 2) ENDS(uint16_t);
        else if (n == 1) *to = *from;
    } else if (n <= 32) {
        part a = get(from), z = get(from + n - 16);
        put(to, a), put(to + n - 16, z);
    } else if (n <= 64) {
        part a = get(from), b = get(from + 16), y = get(from + n - 32), z = get(from + n - 16);
        put(to, a), put(to + 16, b), put(to + n - 32, y), put(to + n - 16, z);
    } else {
        part a = get(from), b = get(from + 16), c = get(from + 32), d = get(from + 48);
        part w = get(from + n - 64), x = get(from + n - 48), y = get(from + n - 32), z = get(from + n - 16);
        put(to, a), put(to + 16, b), put(to + 32, c), put(to + 48, d);
        put(to + n - 64, w), put(to + n - 48, x), put(to + n - 32, y), put(to + n - 16, z);
    }
}

static void forward(char *to, const char *from, size_t n) {
    part w = get(from + n - 64), x = get(from + n - 48), y = get(from + n - 32), z = get(from + n - 16);
    char *last = to + n - 64;
    do {
        part a = get(from), b = get(from + 16), c = get(from + 32), d = get(from + 48);
        put(to, a), put(to + 16, b), put(to + 32, c), put(to + 48, d);
        to += 64, from += 64;
    } while (to < last);
    put(last, w), put(last + 16, x), put(last + 32, y), put(last + 48, z);
}

static void backward(char *to, const char *from, size_t n) {
    part w = get(from), x = get(from + 16), y = get(from + 32), z = get(from + 48);
    char *first = to + 64;
    to += n, from += n;
    do {
        to -= 64, from -= 64;
        part a = get(from), b = get(from + 16), c = get(from + 32), d = get(from + 48);
        put(to, a), put(to + 16, b), put(to + 32, c), put(to + 48, d);
    } while (to > first);
    put(first - 64, w), put(first - 48, x), put(first - 32, y), put(first - 16, z);
}

/* From here on the processor's own copying is faster. */
enum { LONG = 2048 };

/* The linker puts these where memcpy and memmove are called (--wrap). */
void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);

void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t n) {
    if (n <= 128) {
        up_to_128(to, from, n);
    } else if (n < LONG) {
        forward(to, from, n);
    } else {
        void *at = to;
        __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    }
    return to;
}

void *__wrap_memmove(void *to, const void *from, size_t n) {
    if (n <= 128) {
        up_to_128(to, from, n);
    } else if ((uintptr_t)to - (uintptr_t)from >= n) {
        forward(to, from, n);
    } else {
        backward(to, from, n);
    }
    return to;
}
