/* The sums of decay.c in 64 bits, for all half-lives at once.
 *
 * What an event says of itself does not need the sums, so it is worked out apart, before its record
 * is there.  Then only the epoch of the newest event is divided for, and either the sum or the
 * event is moved on, by as many epochs as they differ.  Both are moved, one of them by none: a jump
 * would be foreseen half of the time.
 *
 * With AVX2 four half-lives go side by side.  Every operation on doubles is the portable one's, in
 * its order, and correctly rounded in both, so the bits are the same.  Times and half-lives below
 * 2^51 are whole numbers that doubles hold: quotients, products and remainders are exact there, and
 * only the fraction of an epoch and what follows from it are rounded. */
#include "signals/decay_small.h"

#include <string.h>

#if defined(__x86_64__) && !defined(TIDAL_PORTABLE)
#include <immintrin.h>
#define HAS_AVX2_FORM 1
#else
#define HAS_AVX2_FORM 0
#endif

_Static_assert(LIMIT_HALF_LIVES == 8, "two fours");

void decay_lanes_init(struct decay_lanes *lanes, const struct decay *decays, uint32_t count)
{
    assert(count <= LIMIT_HALF_LIVES);
    *lanes = (struct decay_lanes){.count = count, .largest = INT64_C(1) << 40};
    for (uint32_t i = 0; i < LIMIT_HALF_LIVES; i++) {
        lanes->decays[i] = i < count ? decays[i] : decay_with_spare_bits(INT64_C(1) << 50, 0);
        lanes->length_ms[i] = (double)lanes->decays[i].half_life_ms;
        lanes->inverse[i] = lanes->decays[i].inverse;
        lanes->unit[i] = i < count ? DECAY_UNIT : 0;
        lanes->spare_bits[i] = lanes->decays[i].spare_bits;
        int64_t fits = DECAY_SMALL_BOUND >> lanes->spare_bits[i] >> 1; /* 2^fraction is below 2 */
        if (fits / DECAY_UNIT - 1 < lanes->largest) lanes->largest = fits / DECAY_UNIT - 1;
    }
}

void decay_parts_init_portable(struct decay_parts *parts)
{
    const struct decay_lanes *lanes = parts->lanes;
    struct contribution event = {parts->time_ms, parts->value, 1};
    parts->fits = true;
    for (uint32_t i = 0; i < lanes->count; i++) {
        struct decay_event of;
        int spare_bits = lanes->decays[i].spare_bits;
        decay_event_init(&of, &lanes->decays[i], &event, true);
        bool fits = of.mantissa < DECAY_SMALL_BOUND >> spare_bits;
        parts->epoch[i] = (double)of.epoch;
        parts->amount[i] = fits ? of.mantissa << spare_bits : 0;
        parts->fits &= fits;
    }
    for (uint32_t i = lanes->count; i < LIMIT_HALF_LIVES; i++) { /* taken along by the other form */
        parts->epoch[i] = 0;
        parts->amount[i] = 0;
    }
}

static int64_t shift_down(int64_t sum, int64_t epochs)
{
    return sum >> (epochs < 63 ? epochs : 63);
}

bool decay_count_small_portable(int64_t *sums, int64_t newest_ms, const struct decay_parts *event,
                                int direction)
{
    const struct decay_lanes *lanes = event->lanes;
    int64_t counted[LIMIT_HALF_LIVES];
    bool fits = direction == 0 || event->fits;
    for (uint32_t i = 0; i < lanes->count; i++) {
        int64_t newer = (int64_t)event->epoch[i] - decay_epoch(&lanes->decays[i], newest_ms);
        int64_t amount = event->amount[i];
        if (newer > 0) sums[i] = shift_down(sums[i], newer);
        if (newer < 0) amount = shift_down(amount, -newer);
        if (!fits) continue; /* the others still move on */
        counted[i] = sums[i] + direction * amount;
        if (counted[i] >= DECAY_SMALL_BOUND || counted[i] < -DECAY_SMALL_BOUND) fits = false;
    }
    if (fits) memcpy(sums, counted, lanes->count * sizeof *sums);
    return fits;
}

#if HAS_AVX2_FORM

#define AVX2 __attribute__((target("avx2")))

/* A time in epochs: four quotients, and what is left. */
struct quotients {
    __m256d epoch, left;
};

AVX2 static inline struct quotients divide_four(int64_t time_ms, __m256d length, __m256d inverse)
{
    const __m256d one = _mm256_set1_pd(1), time = _mm256_set1_pd((double)time_ms);
    struct quotients result;
    result.epoch = _mm256_floor_pd(_mm256_mul_pd(time, inverse));
    result.left = _mm256_sub_pd(time, _mm256_mul_pd(result.epoch, length));
    __m256d below = _mm256_cmp_pd(result.left, _mm256_setzero_pd(), _CMP_LT_OQ);
    __m256d above = _mm256_cmp_pd(result.left, length, _CMP_GE_OQ);
    result.left = _mm256_add_pd(result.left, _mm256_and_pd(below, length));
    result.left = _mm256_sub_pd(result.left, _mm256_and_pd(above, length));
    result.epoch = _mm256_sub_pd(result.epoch, _mm256_and_pd(below, one));
    result.epoch = _mm256_add_pd(result.epoch, _mm256_and_pd(above, one));
    return result;
}

/* Whole numbers from 0 to 2^51, as integers. */
AVX2 static inline __m256i to_integers(__m256d whole)
{
    const __m256d place = _mm256_set1_pd(0x1p52);
    return _mm256_xor_si256(_mm256_castpd_si256(_mm256_add_pd(whole, place)),
                            _mm256_castpd_si256(place));
}

/* The two steps of power_of_two of decay.c. */
struct powers {
    __m256d base, series;
};

AVX2 static inline struct powers powers_of_two(__m256d fraction)
{
    __m128i nearest = _mm256_cvttpd_epi32(
        _mm256_add_pd(_mm256_mul_pd(fraction, _mm256_set1_pd(256.0)), _mm256_set1_pd(0.5)));
    __m256d x = _mm256_sub_pd(
        fraction, _mm256_mul_pd(_mm256_cvtepi32_pd(nearest), _mm256_set1_pd(1.0 / 256)));
    x = _mm256_mul_pd(x, _mm256_set1_pd(DECAY_LN_2));
    __m256d series =
        _mm256_add_pd(_mm256_set1_pd(1.0 / 24), _mm256_mul_pd(x, _mm256_set1_pd(1.0 / 120)));
    series = _mm256_add_pd(_mm256_set1_pd(1.0 / 6), _mm256_mul_pd(x, series));
    series = _mm256_add_pd(_mm256_set1_pd(0.5), _mm256_mul_pd(x, series));
    series = _mm256_add_pd(_mm256_set1_pd(1.0), _mm256_mul_pd(x, series));
    __m256d base = _mm256_i32gather_pd(decay_exp2_table, nearest, 8);
    return (struct powers){base, _mm256_mul_pd(x, series)};
}

/* floor(sum / 2^epochs): a shift of 64 and more gives nothing, and so does one by no more. */
AVX2 static inline __m256i shift_down_four(__m256i sum, __m256i epochs)
{
    __m256i sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), sum);
    __m256i magnitude = _mm256_srlv_epi64(_mm256_xor_si256(sum, sign), epochs);
    return _mm256_xor_si256(magnitude, sign);
}

/* Four half-lives of an event. */
AVX2 static ALWAYS_INLINE void init_four(struct decay_parts *parts, uint32_t first)
{
    const struct decay_lanes *lanes = parts->lanes;
    __m256d length = _mm256_loadu_pd(lanes->length_ms + first);
    struct quotients at =
        divide_four(parts->time_ms, length, _mm256_loadu_pd(lanes->inverse + first));
    _mm256_storeu_pd(parts->epoch + first, at.epoch);
    struct powers powers = powers_of_two(_mm256_div_pd(at.left, length));
    int64_t magnitude = parts->value < 0 ? -parts->value : parts->value;
    __m256d power = _mm256_add_pd(powers.base, _mm256_mul_pd(powers.base, powers.series));
    __m256d unit = _mm256_mul_pd(power, _mm256_loadu_pd(lanes->unit + first));
    __m256d product = _mm256_mul_pd(_mm256_set1_pd((double)magnitude), unit);
    __m256d rounded = _mm256_floor_pd(_mm256_add_pd(product, _mm256_set1_pd(0.5)));
    __m256i spare = _mm256_loadu_si256((const __m256i *)(lanes->spare_bits + first));
    _mm256_storeu_si256((__m256i *)(parts->amount + first),
                        _mm256_sllv_epi64(to_integers(rounded), spare));
}

AVX2 void decay_parts_init_avx2(struct decay_parts *parts)
{
    const struct decay_lanes *lanes = parts->lanes;
    if (parts->value > lanes->largest || parts->value < -lanes->largest) {
        decay_parts_init_portable(parts);
        return;
    }
    init_four(parts, 0);
    if (lanes->count > 4) init_four(parts, 4);
    parts->fits = true;
}

/* So many of up to four sums; nothing beyond them is touched, and each is read as it is written:
 * a masked store is slow, and what it wrote is slow to read. */
AVX2 static inline __m256i load_sums(const int64_t *sums, uint32_t count)
{
    const __m128i *at = (const __m128i *)sums;
    __m128i low = count == 1 ? _mm_loadl_epi64(at) : _mm_loadu_si128(at);
    if (count <= 2) return _mm256_zextsi128_si256(low);
    __m128i high = count == 3 ? _mm_loadl_epi64(at + 1) : _mm_loadu_si128(at + 1);
    return _mm256_set_m128i(high, low);
}

AVX2 static inline void store_sums(int64_t *sums, uint32_t count, __m256i four)
{
    __m128i *at = (__m128i *)sums;
    __m128i low = _mm256_castsi256_si128(four), high = _mm256_extracti128_si256(four, 1);
    if (count == 1)
        _mm_storel_epi64(at, low);
    else
        _mm_storeu_si128(at, low);
    if (count == 3)
        _mm_storel_epi64(at + 1, high);
    else if (count > 3)
        _mm_storeu_si128(at + 1, high);
}

/* Four sums, brought to the newest time, and with the event. */
struct four_sums {
    __m256i moved, counted;
    bool fit; /* those with the event do */
};

/* Amounts that fit and sums are within the bound, so what they make together is within twice the
 * bound, and beyond it if its sign and the bit below differ. */
AVX2 static ALWAYS_INLINE struct four_sums count_four(uint32_t first, __m256i sums,
                                                      int64_t newest_ms,
                                                      const struct decay_parts *event,
                                                      int direction)
{
    const struct decay_lanes *lanes = event->lanes;
    const __m256d zero = _mm256_setzero_pd();
    struct four_sums four;
    struct quotients newest = divide_four(newest_ms, _mm256_loadu_pd(lanes->length_ms + first),
                                          _mm256_loadu_pd(lanes->inverse + first));
    __m256d event_epoch = _mm256_loadu_pd(event->epoch + first);
    __m256d newer = _mm256_max_pd(_mm256_sub_pd(event_epoch, newest.epoch), zero);
    __m256d older = _mm256_max_pd(_mm256_sub_pd(newest.epoch, event_epoch), zero);
    __m256i amount = _mm256_loadu_si256((const __m256i *)(event->amount + first));
    __m256i flip = _mm256_set1_epi64x(direction >> 1); /* all ones for -1 */
    amount = _mm256_srlv_epi64(amount, to_integers(older));
    amount = _mm256_sub_epi64(_mm256_xor_si256(amount, flip), flip);
    four.moved = shift_down_four(sums, to_integers(newer));
    four.counted = _mm256_add_epi64(four.moved, amount);
    __m256i beyond = _mm256_xor_si256(four.counted, _mm256_slli_epi64(four.counted, 1));
    four.fit = _mm256_movemask_pd(_mm256_castsi256_pd(beyond)) == 0;
    return four;
}

AVX2 bool decay_count_small_avx2(int64_t *sums, int64_t newest_ms, const struct decay_parts *event,
                                 int direction)
{
    uint32_t count = event->lanes->count, rest = count > 4 ? count - 4 : 0;
    if (count == 0) return event->fits || direction == 0;
    struct four_sums some = count_four(0, load_sums(sums, count), newest_ms, event, direction);
    struct four_sums others = some;
    if (rest > 0) others = count_four(4, load_sums(sums + 4, rest), newest_ms, event, direction);
    bool fits = direction == 0 || (event->fits && some.fit && others.fit);
    bool counts = fits && direction != 0;
    store_sums(sums, count, counts ? some.counted : some.moved);
    if (rest > 0) store_sums(sums + 4, rest, counts ? others.counted : others.moved);
    return fits;
}

bool decay_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#else

void decay_parts_init_avx2(struct decay_parts *parts)
{
    decay_parts_init_portable(parts);
}

bool decay_count_small_avx2(int64_t *sums, int64_t newest_ms, const struct decay_parts *event,
                            int direction)
{
    return decay_count_small_portable(sums, newest_ms, event, direction);
}

bool decay_has_avx2(void)
{
    return false;
}

#endif

void decay_parts_init(struct decay_parts *parts)
{
    if (decay_has_avx2())
        decay_parts_init_avx2(parts);
    else
        decay_parts_init_portable(parts);
}

bool decay_count_small(int64_t *sums, int64_t newest_ms, const struct decay_parts *event,
                       int direction)
{
    return decay_has_avx2() ? decay_count_small_avx2(sums, newest_ms, event, direction)
                            : decay_count_small_portable(sums, newest_ms, event, direction);
}
