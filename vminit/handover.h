/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's end of the handover (rpc/handover.h): from the host's word that a template is to be
 * saved to the first turn of a restored VM's own loop.
 */
#ifndef VMINIT_HANDOVER_H
#define VMINIT_HANDOVER_H

#include "vminit/service.h"

/**
 * handover_begin() - listen on the console (descriptor 0), where the host will speak
 * @service: gets the Setup that the VM wakes up with
 *
 * A console that cannot be read is reported there: no template is made of this VM then.
 */
void handover_begin(struct service *service);

#endif
