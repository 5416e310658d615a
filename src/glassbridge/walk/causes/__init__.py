"""Why a packet was lost: from the last thing seen to one cause."""
