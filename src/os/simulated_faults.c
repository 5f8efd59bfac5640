/* The harness's side of the simulated disk: faults, crashes, damage. */
#include "os/simulated_private.h"

#include <assert.h>
#include <string.h>

static struct simulated_disk *faulty_of(struct disk *disk)
{
    struct simulated_disk *simulated = (struct simulated_disk *)disk;
    assert(simulated->files.faulty);
    return simulated;
}

void simulated_disk_set_faults(struct disk *disk, const struct simulated_faults *faults)
{
    struct simulated_disk *simulated = faulty_of(disk);
    mutex_lock(&simulated->mutex);
    simulated->files.faults = faults ? *faults : (struct simulated_faults){0};
    assert(simulated->files.faults.choices || (simulated->files.faults.sync_error_one_in == 0 &&
                                               simulated->files.faults.read_error_one_in == 0));
    simulated->operation_count = 0;
    mutex_unlock(&simulated->mutex);
}

uint64_t simulated_disk_operations(struct disk *disk)
{
    struct simulated_disk *simulated = faulty_of(disk);
    mutex_lock(&simulated->mutex);
    uint64_t count = simulated->operation_count;
    mutex_unlock(&simulated->mutex);
    return count;
}

bool simulated_disk_has_crashed(struct disk *disk)
{
    struct simulated_disk *simulated = faulty_of(disk);
    mutex_lock(&simulated->mutex);
    bool crashed = simulated->crashed;
    mutex_unlock(&simulated->mutex);
    return crashed;
}

static void lose_power(struct simulated_disk *disk, struct choices *choices)
{
    struct file_store *files = &disk->files;
    enum survival survival = (enum survival)choose(choices, SURVIVES_NONE);
    names_lose_power(&disk->names, survival, choices);
    for (struct inode *inode = files->first; inode; inode = inode->next) {
        inode_lose_power(files, inode, survival, choices);
    }
}

void simulated_disk_crash(struct disk *disk, enum simulated_crash kind, struct choices *choices)
{
    struct simulated_disk *simulated = faulty_of(disk);
    mutex_lock(&simulated->mutex);
    simulated->files.losses = (struct simulated_losses){0};
    if (kind == SIMULATED_POWER) lose_power(simulated, choices);
    for (struct inode *inode = simulated->files.first; inode; inode = inode->next) {
        inode->locked = false;
    }
    simulated->files.faults = (struct simulated_faults){0};
    simulated->operation_count = 0;
    simulated->generation++;
    simulated->crashed = false;
    mutex_unlock(&simulated->mutex);
}

struct simulated_losses simulated_disk_losses(struct disk *disk)
{
    struct simulated_disk *simulated = faulty_of(disk);
    mutex_lock(&simulated->mutex);
    struct simulated_losses losses = simulated->files.losses;
    mutex_unlock(&simulated->mutex);
    return losses;
}

/* The byte number `index` of the durable pages under the prefix; false if there are fewer. */
static bool find_durable_byte(struct simulated_disk *disk, const char *prefix, uint64_t index,
                              struct inode **inode, uint64_t *offset)
{
    const struct name_table *table = &disk->names.durable;
    for (size_t i = 0; i < table->count; i++) {
        if (strncmp(table->names[i].path, prefix, strlen(prefix)) != 0) continue;
        *inode = table->names[i].inode;
        for (size_t slot = 0; slot < (*inode)->slot_count; slot++) {
            uint64_t start = (uint64_t)slot * SIMULATED_PAGE_BYTES, size = (*inode)->durable_size;
            if (!(*inode)->slots[slot].durable || start >= size) continue;
            uint64_t bytes =
                size - start < SIMULATED_PAGE_BYTES ? size - start : SIMULATED_PAGE_BYTES;
            *offset = start + index;
            if (index < bytes) return true;
            index -= bytes;
        }
    }
    *offset = index; /* how far beyond the end */
    return false;
}

size_t simulated_disk_flip_bits(struct disk *disk, const char *prefix, size_t count,
                                struct choices *choices)
{
    struct simulated_disk *simulated = faulty_of(disk);
    struct inode *inode;
    uint64_t beyond, offset;
    size_t flipped = 0;
    mutex_lock(&simulated->mutex);
    (void)find_durable_byte(simulated, prefix, UINT64_MAX, &inode, &beyond);
    uint64_t byte_count = UINT64_MAX - beyond;
    for (; byte_count > 0 && flipped < count; flipped++) {
        uint8_t mask = (uint8_t)(1u << choose(choices, 7));
        if (!find_durable_byte(simulated, prefix, choose(choices, byte_count - 1), &inode,
                               &offset) ||
            !inode_damage(&simulated->files, inode, offset, mask)) {
            break;
        }
    }
    mutex_unlock(&simulated->mutex);
    return flipped;
}

enum code simulated_disk_damage(struct disk *disk, const char *path, uint64_t offset, uint8_t mask,
                                struct error *error)
{
    struct simulated_disk *simulated = faulty_of(disk);
    mutex_lock(&simulated->mutex);
    struct inode *inode = names_find(&simulated->names.durable, path);
    bool done = inode && inode_damage(&simulated->files, inode, offset, mask);
    mutex_unlock(&simulated->mutex);
    if (done) return CODE_OK;
    return error_set(error, CODE_NOT_FOUND, AREA_OS, "no durable byte %llu in '%s'",
                     (unsigned long long)offset, path);
}
