// hevy.createWorkout – Writes a completed workout.

// signatures

/** Writes a completed workout. */
createWorkout(args: {
  workout: {
    title: string;
    description?: string | null;
    start_time: string;
    end_time: string;
    is_private?: boolean;
    exercises: {
      exercise_template_id: string;
      superset_id?: number | null;
      notes?: string | null;
      sets: {
        type?: "warmup" | "normal" | "failure" | "dropset";
        weight_kg?: number | null;
        reps?: number | null;
        distance_meters?: number | null;
        duration_seconds?: number | null;
        rpe?: 6 | 7 | 7.5 | 8 | 8.5 | 9 | 9.5 | 10 | null;
        custom_metric?: number | null;
      }[];
    }[];
  };
}): Promise<any>;

// full

/** Writes a completed workout. Requires exercise-template IDs and UTC times. Retries can create duplicates. */
createWorkout(args: {
  workout: {
    /** not empty */
    title: string;
    description?: string | null;
    /** ^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$ */
    start_time: string;
    /** ^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$ */
    end_time: string;
    /** @default false */
    is_private?: boolean;
    exercises: {
      /** not empty */
      exercise_template_id: string;
      superset_id?: number | null;
      notes?: string | null;
      sets: {
        /** @default "normal" */
        type?: "warmup" | "normal" | "failure" | "dropset";
        weight_kg?: number | null;
        reps?: number | null;
        distance_meters?: number | null;
        duration_seconds?: number | null;
        rpe?: 6 | 7 | 7.5 | 8 | 8.5 | 9 | 9.5 | 10 | null;
        custom_metric?: number | null;
      }[];
    }[];
  };
}): Promise<any>;
