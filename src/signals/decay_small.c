/* The sums of decay.c in 64 bits, for all half-lives at once.
 *
 * An event is newer than a sum's newest by some whole number of epochs, mostly none; which is seen
 * by its place within its own epoch, so that the other time is divided only if they differ.
 *
 * With AVX2 four half-lives go side by side.  Every operation on doubles is the portable one's, in
 * its order, and correctly rounded in both, so the bits are the same.  Times and half-lives below
 * 2^51 are whole numbers that doubles hold: quotients, products and remainders are exact there, and
 * only the fraction of an epoch and what follows from it are rounded. */
#include "signals/decay_small.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define HAS_AVX2_FORM 1
#else
#define HAS_AVX2_FORM 0
#endif

void decay_lanes_init(struct decay_lanes *lanes, const struct decay *decays, uint32_t count)
{
    assert(count <= LIMIT_HALF_LIVES);
    *lanes = (struct decay_lanes){.count = count};
    for (uint32_t i = 0; i < LIMIT_HALF_LIVES; i++) {
        lanes->decays[i] = i < count ? decays[i] : decay_with_spare_bits(INT64_C(1) << 50, 0);
        lanes->length_ms[i] = (double)lanes->decays[i].half_life_ms;
        lanes->inverse[i] = lanes->decays[i].inverse;
        lanes->spare_bits[i] = lanes->decays[i].spare_bits;
    }
}

static int64_t shift_down(int64_t sum, int64_t epochs)
{
    return sum >> (epochs < 63 ? epochs : 63);
}

/* One sum; *counted is with the event. */
static bool count_one(const struct decay *decay, int64_t *sum, int64_t newest_ms,
                      const struct contribution *event, bool adds, int64_t *counted)
{
    struct decay_event of;
    decay_event_init(&of, decay, event, adds);
    int64_t apart_ms = event->time_ms - newest_ms, contribution;
    if (apart_ms > of.left_ms) *sum = shift_down(*sum, of.epoch - decay_epoch(decay, newest_ms));
    if (of.mantissa >= DECAY_SMALL_BOUND >> decay->spare_bits) return false;
    contribution = of.mantissa << decay->spare_bits;
    if (-apart_ms >= decay->half_life_ms - of.left_ms)
        contribution = shift_down(contribution, decay_epoch(decay, newest_ms) - of.epoch);
    bool negative = (event->value < 0) != (event->sign < 0);
    *counted = *sum + (negative ? -contribution : contribution);
    return *counted<DECAY_SMALL_BOUND && * counted> - DECAY_SMALL_BOUND;
}

bool decay_count_small_portable(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                                const struct contribution *event, bool adds)
{
    int64_t counted[LIMIT_HALF_LIVES];
    bool fits = true;
    for (uint32_t i = 0; i < lanes->count; i++)
        fits &= count_one(&lanes->decays[i], &sums[i], newest_ms, event, adds, &counted[i]);
    if (adds && fits) memcpy(sums, counted, lanes->count * sizeof *sums);
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

/* power_of_two of decay.c. */
AVX2 static inline __m256d power_of_two_four(__m256d fraction)
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
    return _mm256_add_pd(base, _mm256_mul_pd(base, _mm256_mul_pd(x, series)));
}

/* floor(sum / 2^epochs): a shift of 64 and more gives nothing, and so does one by no more. */
AVX2 static inline __m256i shift_down_four(__m256i sum, __m256i epochs)
{
    __m256i sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), sum);
    __m256i magnitude = _mm256_srlv_epi64(_mm256_xor_si256(sum, sign), epochs);
    return _mm256_xor_si256(magnitude, sign);
}

/* Four sums, brought to the newest time, and with the event. */
struct four_sums {
    __m256i moved, counted;
};

/* sums->moved: in, as they were. */
AVX2 static inline bool count_four(const struct decay_lanes *lanes, uint32_t first,
                                   int64_t newest_ms, const struct contribution *event, bool adds,
                                   struct four_sums *sums)
{
    __m256d length = _mm256_loadu_pd(lanes->length_ms + first);
    __m256d inverse = _mm256_loadu_pd(lanes->inverse + first);
    struct quotients at = divide_four(event->time_ms, length, inverse);
    int64_t apart_ms = event->time_ms - newest_ms;
    __m256i later = _mm256_setzero_si256(); /* by how many epochs the newest is, if it is */
    if (apart_ms > 0) {
        __m256d moved = _mm256_cmp_pd(_mm256_set1_pd((double)apart_ms), at.left, _CMP_GT_OQ);
        if (_mm256_movemask_pd(moved)) {
            struct quotients old = divide_four(newest_ms, length, inverse);
            sums->moved =
                shift_down_four(sums->moved, to_integers(_mm256_sub_pd(at.epoch, old.epoch)));
        }
    } else {
        __m256d behind = _mm256_cmp_pd(_mm256_set1_pd((double)-apart_ms),
                                       _mm256_sub_pd(length, at.left), _CMP_GE_OQ);
        if (_mm256_movemask_pd(behind)) {
            struct quotients newest = divide_four(newest_ms, length, inverse);
            later = to_integers(_mm256_sub_pd(newest.epoch, at.epoch));
        }
    }
    if (!adds) return true;
    int64_t magnitude = event->value < 0 ? -event->value : event->value;
    __m256d unit = _mm256_mul_pd(power_of_two_four(_mm256_div_pd(at.left, length)),
                                 _mm256_set1_pd(DECAY_UNIT));
    __m256d product = _mm256_mul_pd(_mm256_set1_pd((double)magnitude), unit);
    __m256i mantissa = to_integers(_mm256_floor_pd(_mm256_add_pd(product, _mm256_set1_pd(0.5))));
    __m256i spare = _mm256_loadu_si256((const __m256i *)(lanes->spare_bits + first));
    const __m256i bound = _mm256_set1_epi64x(DECAY_SMALL_BOUND);
    __m256i fits = _mm256_cmpgt_epi64(_mm256_srlv_epi64(bound, spare), mantissa);
    __m256i contribution = _mm256_srlv_epi64(_mm256_sllv_epi64(mantissa, spare), later);
    bool negative = (event->value < 0) != (event->sign < 0);
    sums->counted = negative ? _mm256_sub_epi64(sums->moved, contribution)
                             : _mm256_add_epi64(sums->moved, contribution);
    fits = _mm256_and_si256(fits, _mm256_cmpgt_epi64(bound, sums->counted));
    fits = _mm256_and_si256(
        fits, _mm256_cmpgt_epi64(sums->counted, _mm256_sub_epi64(_mm256_setzero_si256(), bound)));
    return _mm256_movemask_epi8(fits) == -1;
}

AVX2 static inline __m256i mask_of(uint32_t lanes)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(lanes), _mm256_setr_epi64x(0, 1, 2, 3));
}

AVX2 bool decay_count_small_avx2(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                                 const struct contribution *event, bool adds)
{
    enum { GROUPS = LIMIT_HALF_LIVES / 4 };
    const int64_t largest = INT64_C(1) << 40; /* of which a mantissa is below 2^51 */
    struct four_sums four[GROUPS] = {0};
    bool fits = true;
    if (event->value > largest || event->value < -largest)
        return decay_count_small_portable(lanes, sums, newest_ms, event, adds);
    for (uint32_t i = 0; i * 4 < lanes->count; i++) {
        __m256i mask = mask_of(lanes->count - i * 4);
        four[i].moved = _mm256_maskload_epi64((const long long *)sums + i * 4, mask);
        fits &= count_four(lanes, i * 4, newest_ms, event, adds, &four[i]);
    }
    for (uint32_t i = 0; i * 4 < lanes->count; i++)
        _mm256_maskstore_epi64((long long *)sums + i * 4, mask_of(lanes->count - i * 4),
                               adds && fits ? four[i].counted : four[i].moved);
    return fits;
}

bool decay_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#else

bool decay_count_small_avx2(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                            const struct contribution *event, bool adds)
{
    return decay_count_small_portable(lanes, sums, newest_ms, event, adds);
}

bool decay_has_avx2(void)
{
    return false;
}

#endif

bool decay_count_small(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                       const struct contribution *event, bool adds)
{
    return decay_has_avx2() ? decay_count_small_avx2(lanes, sums, newest_ms, event, adds)
                            : decay_count_small_portable(lanes, sums, newest_ms, event, adds);
}
