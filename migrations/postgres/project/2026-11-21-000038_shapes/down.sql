DROP FUNCTION frame_of;
