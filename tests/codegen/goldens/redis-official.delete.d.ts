// redisOfficial.delete_ – Delete a Redis key.
// issue: the name 'delete' became 'delete_': the plain identifier is reserved, taken or not possible

// signatures

/** Delete a Redis key. */
delete_(args: { key: string }): Promise<string>;

// full

/** Delete a Redis key.
 * Args:
 *     key (str): The key to delete.
 * Returns:
 *     str: Confirmation message or an error message. */
delete_(args: { key: string }): Promise<string>;
